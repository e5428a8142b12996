package main

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The load generator and the servers behind the proxy share one epoll loop on
// one thread: with two processes the core they are pinned to would be the
// bottleneck long before the proxy's core is.

// scratchSize holds the largest response of any row in one read.
const scratchSize = 64 << 10

// inOnly is the interest of everything that is only read from.
const inOnly = unix.EPOLLIN

// endpoint is something with a descriptor in the loop.
type endpoint interface {
	// ready is called when its descriptor can be read or written, or has failed.
	ready(l *loop, events uint32)
}

// loop serves its endpoints until stop is called.
type loop struct {
	ep      int
	byFD    []endpoint // indexed by descriptor
	scratch []byte
	began   time.Time
	busy    bool        // under load, see wait
	every   ticker      // works in every turn; the loop does not sleep while there is one
	asked   chan func() // by do
	wake    int         // an eventfd
	stopped atomic.Bool
	ended   chan struct{}
}

// ticker is what has something to do in every turn.
type ticker interface{ turn(l *loop) }

// newLoop starts a loop. Stop ends it.
func newLoop() (*loop, error) {
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	l := &loop{
		scratch: make([]byte, scratchSize), began: time.Now(),
		asked: make(chan func(), 1), wake: wake, ended: make(chan struct{}),
	}
	up := make(chan error)
	// Ends when stop says so.
	go l.run(up)
	if err := <-up; err != nil {
		unix.Close(wake)
		return nil, err
	}
	return l, nil
}

// add hands fd to the loop; call it on the loop's own thread.
func (l *loop) add(fd int, events uint32, e endpoint) error {
	for fd >= len(l.byFD) {
		l.byFD = append(l.byFD, make([]endpoint, 1024)...)
	}
	l.byFD[fd] = e
	return unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) change(fd int, events uint32) {
	// The descriptor is in the set, so the kernel has no reason to refuse.
	_ = unix.EpollCtl(l.ep, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) drop(fd int) {
	l.byFD[fd] = nil
	unix.Close(fd)
}

// run serves until stop; it closes every descriptor that it was given.
func (l *loop) run(up chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with this function
	defer close(l.ended)
	// The descriptors of several loops at once may be more than a process may have:
	// each thread has a table, and so a limit, of its own.
	syscall.ForkLock.RLock() // else the table might hold the pipe of a process that is just being started
	err := unix.Unshare(unix.CLONE_FILES)
	syscall.ForkLock.RUnlock()
	if err == nil {
		if l.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
			err = l.add(l.wake, inOnly, errands{})
		}
	}
	up <- err
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 256)
	for !l.stopped.Load() {
		sleep := 50
		if l.every != nil {
			l.every.turn(l)
			sleep = 0
		}
		n, err := l.wait(events, sleep)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(fmt.Sprintf("epoll_wait: %v", err))
		}
		for i := range max(n, 0) {
			if e := l.byFD[events[i].Fd]; e != nil {
				e.ready(l, events[i].Events)
			}
		}
	}
	for fd, e := range l.byFD {
		if e != nil {
			l.drop(fd)
		}
	}
	unix.Close(l.ep)
}

// wait sleeps for that many milliseconds at most. A loop under load does so without
// telling Go's scheduler, and briefly: else its monitor wakes up every 20 µs to look
// whether the loop still sleeps, which left the proxies without work for a fifth
// of the time.
func (l *loop) wait(events []unix.EpollEvent, sleep int) (int, error) {
	if !l.busy {
		return unix.EpollWait(l.ep, events, sleep)
	}
	n, _, err := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.ep), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(min(sleep, 1)), 0, 0)
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}

// stop ends run and waits for its end; more calls do nothing.
func (l *loop) stop() {
	if l.stopped.CompareAndSwap(false, true) {
		<-l.ended
		unix.Close(l.wake)
	}
}

// now is nanoseconds since the loop was made.
func (l *loop) now() int64 { return int64(time.Since(l.began)) }

// recv reads what is there without telling the scheduler: the socket does not block.
func recv(fd int, p []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// discard takes up to n bytes from a TCP socket without copying them (tcp(7), MSG_TRUNC).
func discard(fd, n int) (int, unix.Errno) {
	k, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), unix.MSG_TRUNC, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(k), 0
}

// send writes without blocking; fewer bytes than len(p) may go.
func send(fd int, p []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// dial connects to a port of 127.0.0.1 without waiting: the descriptor becomes
// writable when the connection stands.
func dial(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	noDelay(fd)
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// listen returns a listening descriptor on a free port of 127.0.0.1, and the port.
func listen() (fd, port int, err error) {
	return bound(unix.SOCK_STREAM)
}

func bound(kind int) (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, fmt.Errorf("socket: %w", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil && kind == unix.SOCK_STREAM {
		err = unix.Listen(fd, 4096)
	}
	if err == nil {
		var name unix.Sockaddr
		if name, err = unix.Getsockname(fd); err == nil {
			return fd, name.(*unix.SockaddrInet4).Port, nil
		}
	}
	unix.Close(fd)
	return -1, 0, fmt.Errorf("bind: %w", err)
}

func noDelay(fd int) {
	// Without it a proxy's answer might wait for an ACK; it fails on no TCP socket.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// do has work done on the loop's own thread and returns when it is. Call it while
// run runs.
func (l *loop) do(work func()) {
	done := make(chan struct{})
	l.asked <- func() { work(); close(done) }
	// An eventfd takes 8 bytes as long as its counter is not full; it never is.
	_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-done
}

// errands is the loop's own endpoint: what do has left to be done.
type errands struct{}

func (errands) ready(l *loop, _ uint32) {
	var count [8]byte
	_, _ = unix.Read(l.wake, count[:])
	for {
		select {
		case work := <-l.asked:
			work()
		default:
			return
		}
	}
}
