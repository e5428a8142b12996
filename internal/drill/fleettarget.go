package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"bascule/internal/fleet"
)

const (
	// lateOutput is how long a command's output is read after its end: a server that it
	// started may keep it open.
	lateOutput = 500 * time.Millisecond
	// maxSaid bounds what is shown of the output of a command that failed.
	maxSaid = 400
)

// ReadFleet makes a target of a fleet file, and looks whether the balancer knows all
// servers of it.
func ReadFleet(ctx context.Context, path string) (*Target, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := ParseFleet(path, data)
	if err != nil {
		return nil, err
	}
	t := file.target()
	rows, err := t.Runtime.Stat(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: runtime: %w", path, err)
	}
	for _, srv := range t.Servers {
		if find(rows, t.Backend, srv.Name) == nil {
			return nil, fmt.Errorf("%s: the balancer has no server %s/%s", path, t.Backend, srv.Name)
		}
	}
	info, err := t.Runtime.Do(ctx, "show info")
	if err != nil {
		return nil, fmt.Errorf("%s: runtime: %w", path, err)
	}
	for line := range strings.Lines(info) {
		t.Own = t.Own || strings.HasPrefix(line, "Version:") && strings.Contains(line, "bascule")
	}
	return t, nil
}

func (f *FleetFile) target() *Target {
	t := &Target{
		Name: f.Name, Site: Site{URL: f.Site}, Runtime: Runtime(f.Runtime), Backend: f.Backend, Victim: f.Victim,
		Without: f.Without, Reload: shell(f.Reload, f.limit, ""),
	}
	if t.Name == "" {
		t.Name = f.Site
	}
	for _, s := range f.Servers {
		t.Servers = append(t.Servers, s.target(f.limit))
	}
	return t
}

func (s FleetServer) target(timeout time.Duration) *TargetServer {
	made := &TargetServer{
		Name: s.Name, Addr: s.Address,
		Kill: shell(s.Kill, timeout, ""), Stop: shell(s.Stop, timeout, ""), Start: shell(s.Start, timeout, ""),
		Freeze: shell(s.Freeze, timeout, ""), Thaw: shell(s.Thaw, timeout, ""),
		Cut: shell(s.Cut, timeout, ""), Join: shell(s.Join, timeout, ""),
	}
	if s.Misbehave != "" {
		made.Misbehave = func(ctx context.Context, m fleet.Mode) error {
			return shell(s.Misbehave, timeout, m)(ctx)
		}
	}
	if start := made.Start; start != nil && s.Address != "" {
		made.Start = func(ctx context.Context) error {
			if err := start(ctx); err != nil {
				return err
			}
			return untilAccepts(ctx, s.Address, timeout)
		}
	}
	return made
}

// untilAccepts waits for a started server.
func untilAccepts(ctx context.Context, addr string, timeout time.Duration) error {
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for !accepts(addr) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return fmt.Errorf("%s does not answer %v after its start", addr, timeout)
		}
	}
	return nil
}

// shell makes an action of a line for /bin/sh, which finds the word of a mode in $MODE;
// nil without a line. When ctx ends, or timeout is over, the command and what it started
// are killed.
func shell(line string, timeout time.Duration, mode fleet.Mode) func(context.Context) error {
	if line == "" {
		return nil
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		var said bytes.Buffer
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
		cmd.Env = append(os.Environ(), "MODE="+string(mode))
		cmd.Stdout, cmd.Stderr = &said, &said
		// A group of its own: Ctrl-C is for the drill, which then restores.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = lateOutput
		err := cmd.Run()
		if err == nil || errors.Is(err, exec.ErrWaitDelay) {
			return nil
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		text := strings.TrimSpace(said.String())
		return fmt.Errorf("%s: %w: %s", line, err, text[max(0, len(text)-maxSaid):])
	}
}
