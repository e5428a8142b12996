//go:build !race

package ansible

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bascule/test/loopback"
	"bascule/test/running"
)

// TestRollingDeploy plays rolling_deploy.yml against two servers behind each program,
// with a role that only records in place of the real one.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	bin := bascule(t)
	for _, test := range []struct {
		name    string
		command []string
		broken  string
		record  string
		states  []string
	}{
		{
			"bascule: one after the other", []string{bin, "-f"}, "",
			"upgrade stream-server-1\nrestart stream-server-1\nupgrade stream-server-2\nrestart stream-server-2\n",
			[]string{"UP", "UP"},
		},
		{
			"bascule: the first failure stops it", []string{bin, "-f"}, "stream-server-1",
			"upgrade stream-server-1\nrestart stream-server-1\n", []string{"DRAIN", "UP"},
		},
		{
			"haproxy: one after the other", []string{haproxy(), "-f"}, "",
			"upgrade stream-server-1\nrestart stream-server-1\nupgrade stream-server-2\nrestart stream-server-2\n",
			[]string{"UP", "UP"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			socket := balancer(t, bin, dir, test.command)
			record := filepath.Join(dir, "record")
			said, err := play(t, dir, socket, "rolling_deploy", "-e", "record="+record, "-e", "broken="+test.broken)
			if (err == nil) != (test.broken == "") {
				t.Errorf("%v\n%s", err, said)
			}
			if test.broken != "" && !strings.Contains(said, "the new program does not start. No further server is touched.") {
				t.Errorf("a failed deploy says\n%s", said)
			}
			if got, err := os.ReadFile(record); err != nil || string(got) != test.record {
				t.Errorf("done: %q, %v; want %q", got, err, test.record)
			}
			for i, want := range test.states {
				becomes(t, socket, fmt.Sprintf("stream-server-%d", i+1), want)
			}
		})
	}
}

// TestFleetDrainsWhatItRestarts plays fleet.yml for two servers that run, of which a
// change leaves the first with an old program: that one is drained and restarted.
func TestFleetDrainsWhatItRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // play looks there for programs first
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\necho active\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	bin := bascule(t)
	socket := balancer(t, bin, dir, []string{bin, "-f"})
	record := filepath.Join(dir, "record")
	said, err := play(t, dir, socket, "fleet", "-e", "record="+record, "-e", "broken=", "-e", "stale=stream-server-1",
		"-e", "stream_server_unit=veza-stream-server")
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	const want = "upgrade stream-server-1\nrestart stream-server-1\nupgrade stream-server-2\n"
	if got, err := os.ReadFile(record); err != nil || string(got) != want {
		t.Errorf("done: %q, %v; want %q", got, err, want)
	}
	for _, name := range []string{"stream-server-1", "stream-server-2"} {
		becomes(t, socket, name, "UP")
	}
	events := ask(socket, "show events")
	if !strings.Contains(events, " server-drained stream_pool/stream-server-1 ") || strings.Contains(events, "stream-server-2") {
		t.Errorf("want that stream-server-1 alone was drained:\n%s", events)
	}
}

// play runs a playbook on this machine, where the hosts of the inventory all are.
func play(t *testing.T, dir, socket, book string, words ...string) (string, error) {
	t.Helper()
	inventory := filepath.Join(dir, "inventory.yml")
	const text = `
all:
  vars: {ansible_connection: local, ansible_become: false, ansible_python_interpreter: /usr/bin/python3}
haproxy: {hosts: {balancer: }}
stream_server_instances: {hosts: {stream-server-1: , stream-server-2: }}
`
	if err := os.WriteFile(inventory, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	roles, err := filepath.Abs("testdata/rolling")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"ANSIBLE_ROLES_PATH=" + roles, "PATH=" + dir + ":" + os.Getenv("PATH")}
	args := []string{"-i", inventory, "playbooks/" + book + ".yml", "-e", "haproxy_admin_socket=" + socket,
		"-e", "rolling_deadline=2s", "-e", "rolling_at_idle=1s", "-e", "rolling_drain_seconds=60"}
	return try(t, deploy, env, "ansible-playbook", append(args, words...)...)
}

// balancer starts two stream servers and a balancer in front of them, and returns the
// path of its socket when both are UP.
func balancer(t *testing.T, bin, dir string, command []string) (socket string) {
	t.Helper()
	socket = filepath.Join(dir, "s")
	var servers strings.Builder
	for n := 1; n <= 2; n++ {
		name, addr := fmt.Sprintf("stream-server-%d", n), loopback.Address()+":8080"
		start(t, bin, "fleet", "stream", "--addr", addr, "--name", name)
		fmt.Fprintf(&servers, "    server %s %s check inter 1s fall 2 rise 1\n", name, addr)
	}
	config := fmt.Sprintf("global\n    stats socket %s level admin\ndefaults\n    mode http\n    timeout connect 1m\n    timeout client 1m\n"+
		"    timeout server 1m\n    timeout check 1m\nfrontend f\n    bind %s\n    default_backend stream_pool\nbackend stream_pool\n    option httpchk GET /health\n%s",
		socket, loopback.Address()+":8080", servers.String())
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, command[0], append(command[1:], file)...)
	becomes(t, socket, "stream-server-1", "UP")
	becomes(t, socket, "stream-server-2", "UP")
	return socket
}

// becomes waits for a status of a server.
func becomes(t *testing.T, socket, name, want string) {
	t.Helper()
	got := ""
	if !running.Within(running.Patience, func() bool { got = state(t, socket, name); return got == want }) {
		t.Errorf("%s is %q, want %s", name, got, want)
	}
}

// start runs a program until the test ends.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	})
}

// state is a server's status in `show stat`; empty while nobody answers.
func state(t *testing.T, socket, name string) string {
	t.Helper()
	for line := range strings.Lines(ask(socket, "show stat")) {
		if fields := strings.Split(line, ","); len(fields) > 17 && fields[1] == name {
			return fields[17]
		}
	}
	return ""
}

// ask gives a command to the runtime socket; the answer is empty while nobody is there.
func ask(socket, command string) string {
	cmd := exec.Command("socat", "-t60", "-", "UNIX-CONNECT:"+socket)
	cmd.Stdin = strings.NewReader(command + "\n")
	answer, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(answer)
}
