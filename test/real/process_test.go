package real

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: a busy machine shall not make a test fail.
const patience = time.Minute

// pause lies between two looks at what is awaited.
const pause = 10 * time.Millisecond

// await polls until ok and fails the test after patience with what was awaited.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !within(patience, ok) {
		t.Fatalf("still waiting after %v: %s", patience, what)
	}
}

func within(limit time.Duration, ok func() bool) bool {
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			return ok()
		}
	}
	return true
}

// A process runs until its test ends, with everything it started.
type process struct {
	cmd  *exec.Cmd
	out  string // file of its stdout and stderr
	done chan struct{}
}

// start runs a program in the background. The test fails when it reports a data
// race or a panic.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return startWith(t, nil, name, args...)
}

// startWith starts a program with files it inherits from descriptor 3 on.
func startWith(t *testing.T, files []*os.File, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), out: filepath.Join(t.TempDir(), "out"), done: make(chan struct{})}
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = out, out, files
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // its state is what counts
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		said := p.said()
		bad := strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") || strings.Contains(said, "fatal error:")
		if bad {
			t.Errorf("%s reported a data race or a panic", filepath.Base(name))
		}
		if t.Failed() {
			t.Logf("%s %s said:\n%s", name, strings.Join(args, " "), said)
		}
	})
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) said() string {
	out, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end and returns the exit code, or 128 and the signal.
func (p *process) ended(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s still runs", p.cmd.Path)
	}
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs a program to its end and returns what it said.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	// A process left in the background that holds on to our pipe is an error.
	cmd.WaitDelay = patience / 2
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// shell runs a command line as it is typed.
func shell(t *testing.T, line string) string {
	t.Helper()
	out, err := run(t, "sh", "-c", line)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// config writes a configuration, with pairs of a variable and its value, and
// returns its path.
func config(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := range pairs {
		if i%2 == 0 {
			pairs[i] = "{" + pairs[i] + "}"
		}
	}
	path := filepath.Join(t.TempDir(), "real.cfg")
	write(t, path, strings.NewReplacer(pairs...).Replace(text))
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
