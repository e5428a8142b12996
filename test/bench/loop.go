package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The load generator and the servers behind the proxy share one epoll loop on
// one thread: with two processes the core they are pinned to would be the
// bottleneck long before the proxy's core is.

// scratchSize holds the largest response of any row in one read.
const scratchSize = 64 << 10

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
	stopped atomic.Bool
	ended   chan struct{}
}

func newLoop() (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &loop{ep: ep, scratch: make([]byte, scratchSize), ended: make(chan struct{})}, nil
}

// add hands fd to the loop; call it before run, or from an endpoint's ready.
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
func (l *loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(l.ended)
	events := make([]unix.EpollEvent, 256)
	for !l.stopped.Load() {
		n, err := unix.EpollWait(l.ep, events, 50)
		if err != nil && err != unix.EINTR {
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

// stop ends run and waits for its end.
func (l *loop) stop() {
	l.stopped.Store(true)
	<-l.ended
}

// recv reads what is there without telling the scheduler: the socket does not block.
func recv(fd int, p []byte) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
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

// inOnly is the interest of everything that is only read from.
const inOnly = unix.EPOLLIN

// starter opens a load's first connections on the loop's own thread.
type starter struct {
	fd   int // an eventfd
	load atomic.Pointer[load]
}

func newStarter(l *loop) (*starter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	s := &starter{fd: fd}
	return s, l.add(fd, inOnly, s)
}

// begin makes the loop open ld's connections.
func (s *starter) begin(ld *load) {
	s.load.Store(ld)
	// An eventfd takes 8 bytes as long as its counter is not full; it never is.
	_, _ = unix.Write(s.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (s *starter) ready(l *loop, _ uint32) {
	var count [8]byte
	_, _ = unix.Read(s.fd, count[:])
	ld := s.load.Load()
	for range min(opening, ld.row.conns) {
		ld.open(l)
	}
}
