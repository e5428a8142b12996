package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"bascule/test/loopback"
)

func TestExampleOfAFleetIsRead(t *testing.T) {
	path := filepath.Join("..", "..", "examples", "drill.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ParseFleet("drill.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	target := file.target()
	can := map[string]bool{}
	for _, fault := range Faults(target) {
		can[fault.Name] = fault.Needs(target) == nil
	}
	for name, want := range map[string]bool{
		"kill": true, "stop": true, "freeze": true, "refused": true, "both-dead": true, "blip": true, "reload": true, "drain": true,
	} {
		if can[name] != want {
			t.Errorf("%s can run: %v, want %v", name, can[name], want)
		}
	}
	if len(target.Without) != 3 {
		t.Errorf("left out: %v, want the three of the file", target.Without)
	}
}

func TestMistakesInAFleetFileAreShownWithTheirPlace(t *testing.T) {
	const good = "site: http://h:1\nruntime: /s\nbackend: b\nservers:\n"
	for _, test := range []struct{ name, text, want string }{
		{"not YAML", "site: [\n", "f:1:"},
		{"unknown key", "sight: x\n", `f:1:1: unknown field "sight"`},
		{"unknown key of a server", good + "  - name: s\n    kil: x\n", `f:6:5: unknown field "kil"`},
		{"no number", good + "  - name: s\ntimeout: soon\n", `f:6:10: timeout: want a time such as 30s, got "soon"`},
		{"empty", "{}\n", "f:1:1: site is missing"},
		{"no servers", "site: http://h:1\nruntime: /s\nbackend: b\n", "servers is missing"},
		{"site with a path", "site: http://h:1/x\n", "f:1:7: site: want http://HOST:PORT or https://HOST:PORT"},
		{"no way back", good + "  - name: s\n    freeze: x\n", "f:6:13: server s: freeze needs thaw"},
		{"twice", good + "  - name: s\n  - name: s\n", "f:6:11: server s is there twice"},
		{"unknown victim", good + "  - name: s\nvictim: x\n", `f:6:9: victim: no server is named "x"`},
		{"unknown fault", good + "  - name: s\nwithout: [kill, tickle]\n", `f:6:17: no fault is named "tickle"`},
	} {
		if _, err := ParseFleet("f", []byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

func TestCommandsRunBoundedAndSayWhyTheyFailed(t *testing.T) {
	const enough = 30 * time.Second // and less than what is left running takes
	err := shell("echo out of reach >&2; exit 3", enough, "")(t.Context())
	if err == nil || !strings.Contains(err.Error(), "out of reach") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want status and output", err)
	}
	if err := shell("sleep 60 & wait", 50*time.Millisecond, "")(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the timeout", err)
	}
	if err := shell("test $MODE = slow", enough, "slow")(t.Context()); err != nil {
		t.Error(err)
	}
	if err := shell("sleep 60 >/dev/null 2>&1 & echo $! >"+filepath.Join(t.TempDir(), "pid"), enough, "")(t.Context()); err != nil {
		t.Errorf("a command that leaves something running: %v", err)
	}
	if shell("", enough, "") != nil {
		t.Error("no line is an action")
	}
}

// wildFleet is two API servers and a stream server behind haproxy, the two started by
// commands of a fleet file and not by the drill.
func wildFleet(t *testing.T) (path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	addrs := make([]string, 5)
	for i := range addrs {
		addrs[i] = loopback.Address() + ":8000"
	}
	redis := miniredis.RunT(t).Addr()
	var file, servers strings.Builder
	fmt.Fprintf(&file, "site: http://%s\nruntime: %s\nbackend: b\nreload: kill -USR2 $(cat %s/haproxy.pid)\nservers:\n", addrs[2], addrs[3], dir)
	for i, name := range []string{"s1", "s2"} {
		at := filepath.Join(dir, name)
		signal := func(sig string) string { return fmt.Sprintf("kill -%s $(cat %s.pid)", sig, at) }
		start := fmt.Sprintf("kill -0 $(cat %[1]s.pid) 2>/dev/null || { %[2]s fleet api --addr %[3]s --name %[4]s --redis %[5]s --control %[1]s.ctl >/dev/null 2>&1 & echo $! >%[1]s.pid; }",
			at, self, addrs[i], name, redis)
		gone := "; while kill -0 $(cat " + at + ".pid) 2>/dev/null; do :; done"
		fmt.Fprintf(&file, "  - {name: %s, address: '%s'", name, addrs[i])
		for key, line := range map[string]string{
			"start": start, "kill": signal("KILL") + gone, "stop": signal("TERM") + gone,
			"freeze": signal("STOP"), "thaw": signal("CONT"),
			"misbehave": fmt.Sprintf("curl -sf --unix-socket %s.ctl -X PUT -d $MODE http://fleet/mode", at),
		} {
			fmt.Fprintf(&file, ", %s: %q", key, line)
		}
		file.WriteString("}\n")
		fmt.Fprintf(&servers, "  server %s %s cookie %[1]s check inter 100ms fall 2 rise 1\n", name, addrs[i])
		if err := shell(start, 10*time.Second, "")(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = shell(signal("CONT")+"; "+signal("KILL"), 10*time.Second, "")(context.Background()) })
	}
	config := fmt.Sprintf("global\n  stats socket %s level admin\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 2s\n  timeout check 3s\n"+
		"frontend f\n  bind %s\n  use_backend tracks if { path_beg /hls/ }\n  default_backend b\nbackend tracks\n  server t1 %s\n"+
		"backend b\n  option redispatch 1\n  retry-on conn-failure empty-response\n  cookie C insert indirect nocache\n  option httpchk GET /health\n%s", addrs[3], addrs[2], addrs[4], servers.String())
	cfg := filepath.Join(dir, "haproxy.cfg")
	path = filepath.Join(dir, "drill.yaml")
	for path, text := range map[string]string{cfg: config, path: file.String()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(haproxy(t), "-W", "-f", cfg, "-p", filepath.Join(dir, "haproxy.pid"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	tracks := exec.Command(self, "fleet", "stream", "--addr", addrs[4], "--name", "t1")
	if err := tracks.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tracks.Process.Kill(); tracks.Wait() })
	for _, addr := range addrs {
		within(t, addr+" listens", func() bool { return accepts(addr) })
	}
	return path
}

func TestFailoverPassesWithTheCommandsOfADeployment(t *testing.T) {
	path := wildFleet(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ParseFleet(path, data)
	if err != nil {
		t.Fatal(err)
	}
	victim := file.Servers[0]
	var stdout, stderr bytes.Buffer
	args := []string{"failover", "--site", file.Site, "--runtime", file.Runtime, "--backend", "b", "--victim", victim.Name,
		"--stop", victim.Kill, "--start", victim.Start, "--chats", "4"}
	if code := Main(args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if !strings.Contains(stdout.String(), "five requests: all 200 by s2") {
		t.Errorf("got\n%s\nwant that s2 answered for s1", stdout.String())
	}
	args[8], args[10] = "s2", "false" // its stop fails
	if code := Main(args, &stdout, &stderr); code != 1 {
		t.Errorf("exit %d where the command that stops fails, want 1", code)
	}
}

func TestFleetOfOthersIsDrivenByItsFile(t *testing.T) {
	target, err := ReadFleet(t.Context(), wildFleet(t))
	if err != nil {
		t.Fatal(err)
	}
	if target.Own || target.Victim != "s1" {
		t.Errorf("own %v, victim %s; want haproxy and s1", target.Own, target.Victim)
	}
	for _, name := range []string{"kill", "freeze", "drain"} {
		fault := named(t, target, name)
		fault.Lasts = 100 * time.Millisecond
		if err := fault.Needs(target); err != nil {
			t.Fatal(err)
		}
		out, err := fault.Do(t.Context(), target)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if fault.Detects && (out.Down.IsZero() || out.Up.IsZero()) {
			t.Errorf("%s: down %v, up %v; want both seen", name, out.Down, out.Up)
		}
		for _, srv := range target.Servers {
			if err := untilAccepts(t.Context(), srv.Addr, time.Minute); err != nil {
				t.Errorf("after %s: %v", name, err)
			}
		}
	}
	if err := named(t, target, "cut").Needs(target); err == nil {
		t.Error("cut can run without a command")
	}
}

func TestDrillRunsAgainstAFleetOfOthers(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := Main([]string{"--fleet", wildFleet(t), "--faults", "slow,refused,cut", "--skip", "cut", "--json",
		"--rate", "40", "--sockets", "2", "--duration", "300ms", "--calm", "200ms", "--max-p99", "5s"}, &stdout, &stderr)
	var report struct {
		Sides []struct {
			Results []struct{ Fault, Verdict string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || len(report.Sides) != 1 || len(report.Sides[0].Results) != 3 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, stdout.String(), stderr.String())
	}
	for _, result := range report.Sides[0].Results {
		want := map[string]string{"cut": "skipped", "slow": "passed", "refused": "passed"}[result.Fault]
		if result.Verdict != want {
			t.Errorf("%s %s, want %s\n%s", result.Fault, result.Verdict, want, stdout.String())
		}
	}
}

func TestFleetThatTheBalancerDoesNotKnowIsRefused(t *testing.T) {
	path := wildFleet(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "name: s2", "name: s3", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFleet(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no server b/s3") {
		t.Errorf("got %v, want the server that is not known", err)
	}
}
