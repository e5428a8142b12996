package cli

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"bascule/internal/engine"
	"bascule/internal/master"
)

// background is -D: this executable is started once more, in a session of its
// own, because a Go program cannot fork. The parent returns when the child
// serves, 0, or has ended, 1.
func (p *process) background() int {
	r, w, err := os.Pipe()
	if err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	defer r.Close()
	s := master.Spawn{Args: p.args, Keep: p.inherited, File: w, FileIn: master.ReadyVariable, Detach: true}
	child, err := s.Start()
	w.Close()
	if err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	var one [1]byte
	if n, _ := r.Read(one[:]); n == 1 {
		_ = child.Release() // nothing to do without it
		return 0
	}
	_, _ = child.Wait()
	return 1
}

// started tells the parent that we serve, and lets go of its terminal.
func (p *process) started() {
	fd, err := strconv.Atoi(os.Getenv(master.ReadyVariable))
	if err != nil {
		return
	}
	_ = os.Unsetenv(master.ReadyVariable) // the name is valid
	p.letGo()
	_, _ = unix.Write(fd, []byte{1}) // without a parent nobody waits
	unix.Close(fd)
}

// devNull opens /dev/null for a process in the background, before it may be out
// of reach in a chroot; nil for others.
func devNull() *os.File {
	if os.Getenv(master.ReadyVariable) == "" && os.Getenv(master.BackgroundVariable) == "" {
		return nil
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil // the terminal stays
	}
	return null
}

// letGo puts /dev/null where the terminal was.
func (p *process) letGo() {
	if p.null == nil {
		return
	}
	for _, std := range []int{0, 1, 2} {
		if err := unix.Dup3(int(p.null.Fd()), std, 0); err != nil {
			p.log.Warn(fmt.Sprintf("cannot let go of descriptor %d: %v", std, err))
		}
	}
	p.null.Close()
	p.null = nil
}
