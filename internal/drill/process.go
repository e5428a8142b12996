package drill

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keeper starts processes that cannot outlive this one. The kernel sends them SIGKILL
// when the *thread* that started them ends, so all of them are started by one thread
// that stays until close.
type keeper struct {
	starts chan func()
	done   chan struct{}
}

func newKeeper() *keeper {
	k := &keeper{starts: make(chan func()), done: make(chan struct{})}
	// Ends by close.
	go func() {
		defer close(k.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread() // else the thread would end, and they with it
		for start := range k.starts {
			start()
		}
	}()
	return k
}

func (k *keeper) close() {
	close(k.starts)
	<-k.done
}

// process is a child of this one. Its output goes to a file.
type process struct {
	cmd     *exec.Cmd
	log     string        // path
	exited  chan struct{} // closed when it is gone and waited for
	gone    time.Time     // read after exited: its sockets are closed by then
	wanted  sync.Once
	stopped chan struct{} // closed when its end was asked for
}

// start runs exe with args and with env added to the environment.
func (k *keeper) start(log, exe string, args, env []string) (*process, error) {
	return k.startAt(nil, log, exe, args, env)
}

// startAt is start at the far end of a cable; nil: here.
func (k *keeper) startAt(at *cable, log, exe string, args, env []string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own descriptor
	p := &process{cmd: exec.Command(exe, args...), log: log, exited: make(chan struct{}), stopped: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), env...)
	// A group of its own: Ctrl-C in the terminal reaches only this process, which then
	// ends the others in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	k.starts <- func() {
		if at == nil {
			started <- p.cmd.Start()
		} else {
			started <- inSpace(at.space, p.cmd.Start)
		}
	}
	if err := <-started; err != nil {
		return nil, err
	}
	// Ends when the process does.
	go func() {
		_ = p.cmd.Wait() // how it ended is in its ProcessState
		p.gone = time.Now()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// signal asks for an end, or with another signal for something else.
func (p *process) signal(sig syscall.Signal) error {
	if sig == syscall.SIGKILL || sig == syscall.SIGTERM {
		p.wanted.Do(func() { close(p.stopped) })
	}
	return p.cmd.Process.Signal(sig)
}

// kill is kill -9; it returns when the process is gone, and when that was.
func (p *process) kill() (time.Time, error) {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return time.Time{}, err
	}
	<-p.exited
	return p.gone, nil
}

// freeze stops all threads of the process, and returns when they stand or it has ended.
func (p *process) freeze() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		switch err {
		case unix.EINTR:
		case unix.ECHILD: // it has ended, and was waited for
			return os.ErrProcessDone
		default:
			return err
		}
	}
}

// stop asks politely and kills after wait.
func (p *process) stop(wait time.Duration) {
	if p.signal(syscall.SIGTERM) != nil {
		return // it is gone
	}
	_ = p.signal(syscall.SIGCONT) // a frozen one hears nothing else
	limit := time.NewTimer(wait)
	defer limit.Stop()
	select {
	case <-p.exited:
	case <-limit.C:
		_, _ = p.kill() // an error means that it is gone
	}
}

// failed describes an end that nobody asked for, with the last lines of the log.
func (p *process) failed(name string) error {
	text, err := os.ReadFile(p.log)
	if err != nil {
		text = nil
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-lastLines):]
	return fmt.Errorf("%s (%s) ended: %s\n%s", name, filepath.Base(p.cmd.Path), p.cmd.ProcessState, strings.Join(lines, "\n"))
}

// lastLines of a log are enough to see why a process ended.
const lastLines = 12
