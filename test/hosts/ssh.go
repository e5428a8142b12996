package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// The keys are made by each run and end with it.
	userKey, hostKey = runDir + "/id", runDir + "/host"
	knownHosts       = runDir + "/known_hosts"
	// A host that was killed answers nothing, and a busy one late: what speaks to it
	// gives up after a minute.
	aliveEvery, aliveTimes = "10", "6"
)

// keys makes the key of root, and the one that all hosts show.
func keys() error {
	for _, key := range []string{userKey, hostKey} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hosts", "-f", key).CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	public := strings.Join(strings.Fields(read(hostKey + ".pub"))[:2], " ")
	return os.WriteFile(knownHosts, []byte("* "+public+"\n"), 0o600)
}

// sshOptions are for every call of ssh, Ansible's too.
func sshOptions() []string {
	return []string{
		"-F", "none", "-i", userKey, "-o", "UserKnownHostsFile=" + knownHosts, "-o", "StrictHostKeyChecking=yes",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "GSSAPIAuthentication=no", "-o", "LogLevel=ERROR",
		"-o", "ServerAliveInterval=" + aliveEvery, "-o", "ServerAliveCountMax=" + aliveTimes,
	}
}

// ssh is a command on the host, a line for its shell.
func (h *host) ssh(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ssh", append(sshOptions(), "root@"+h.Addr, line)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// run runs a line on the host and returns what it said on stdout.
func (h *host) run(ctx context.Context, line string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := h.ssh(ctx, line)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %s: %w: %s", h.Name, line, err, end(complaint.String()))
	}
	return out.String(), nil
}

// put copies a file to the host. A host's files are a folder here.
func (h *host) put(from, to string, mode os.FileMode) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(h.root+to, text, mode)
}
