// Package master is the process that -W and -Ws start: it keeps the pid, the
// pidfile, systemd's notifications, the master socket and the privileges, and
// carries no traffic. It opens sockets and reads files for its one worker,
// which may have given up everything, and starts another worker on the same
// sockets when one crashes.
//
// Run is the master's side; Work is the worker's.
package master

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Inherited are the descriptors from 3 on that whoever started us left open
// for us: all that are not close-on-exec. It must be called before anything is
// opened.
func Inherited() []int {
	ours := map[string]bool{os.Getenv(WorkerVariable): true, os.Getenv(ReadyVariable): true}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var list []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 || ours[e.Name()] {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			list = append(list, fd)
		}
	}
	return list
}

// A Spawn says how to start this executable once more.
type Spawn struct {
	Args   []string
	Env    []string // "NAME=value", over the environment
	Unset  []string // names to leave out
	Keep   []int    // descriptors that keep their numbers
	File   *os.File // one more, whose number is in the variable FileIn
	FileIn string
	Detach bool // a session of its own
}

// Start starts the process.
func (s *Spawn) Start() (*os.Process, error) {
	files := []uintptr{0, 1, 2}
	for _, fd := range s.Keep {
		for len(files) <= fd {
			files = append(files, ^uintptr(0))
		}
		files[fd] = uintptr(fd)
	}
	env := s.environ()
	if s.File != nil {
		env = append(env, fmt.Sprintf("%s=%d", s.FileIn, len(files)))
		files = append(files, s.File.Fd())
	}
	pid, err := syscall.ForkExec("/proc/self/exe", s.Args, &syscall.ProcAttr{
		Env: env, Files: files, Sys: &syscall.SysProcAttr{Setsid: s.Detach},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot start %s again: %w", s.Args[0], err)
	}
	return os.FindProcess(pid)
}

func (s *Spawn) environ() []string {
	skip := map[string]bool{s.FileIn: true}
	for _, name := range s.Unset {
		skip[name] = true
	}
	for _, line := range s.Env {
		skip[nameOf(line)] = true
	}
	var env []string
	for _, line := range os.Environ() {
		if !skip[nameOf(line)] {
			env = append(env, line)
		}
	}
	return append(env, s.Env...)
}

func nameOf(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] == '=' {
			return line[:i]
		}
	}
	return line
}
