package loop

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// unheardFor is how long a connection from which nothing more is expected goes
// without the kernel's events. A reply of a server nearby is there sooner, and
// a client that has left is still noticed before anybody would wait for it.
const unheardFor = 2 * time.Millisecond

// Accept takes a connection from a listening socket, non-blocking. from is not
// valid for sockets without an address; err is 0 where there is one. The call is raw, since x/sys asks the
// kernel for the protocol of every socket once more.
func Accept(fd int) (conn int, from netip.AddrPort, err unix.Errno) {
	var sa unix.RawSockaddrInet6 // the larger of the two that count
	size := uint32(unsafe.Sizeof(sa))
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, from, e
	}
	return int(n), rawAddrPort(&sa), 0
}

// Local is the connection's own address; not valid for sockets without one.
func (c *Conn) Local() netip.AddrPort {
	var sa unix.RawSockaddrInet6
	size := uint32(unsafe.Sizeof(sa))
	if _, _, e := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(c.fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size))); c.closed || e != 0 {
		return netip.AddrPort{}
	}
	return rawAddrPort(&sa)
}

// rawAddrPort reads the address as the kernel wrote it, ports in network order.
func rawAddrPort(sa *unix.RawSockaddrInet6) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(sa4.Addr), hostPort(sa4.Port))
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), hostPort(sa.Port))
	}
	return netip.AddrPort{}
}

func hostPort(port uint16) uint16 {
	p := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(p[0])<<8 | uint16(p[1])
}

// Take adopts a connection that was just accepted. Its client has most often
// spoken by now: h is asked to read in this turn, and the kernel is asked for
// events only behind that, if h still has something to wait for.
func (l *Loop) Take(fd int, h Handler) *Conn {
	c := &Conn{l: l, h: h, fd: int32(fd), readable: true, writable: true, unheard: true}
	l.place(c)
	c.Again()
	return c
}

// Spare says that nothing is expected from the peer of a connection that was
// just taken: if the reply is soon sent and the connection closed, the kernel
// need never be asked for events. Whatever turns out to be waited for is.
func (c *Conn) Spare() {
	if c.unheard && !c.spared {
		c.spared = true
		c.l.spared = append(c.l.spared, spared{c, c.l.now + int64(unheardFor)})
	}
}

// A spared connection is to be heard at last.
type spared struct {
	c  *Conn
	at int64
}

// hear registers a connection for events. What is there by then is told too.
func (c *Conn) hear() {
	if !c.unheard || c.closed {
		return
	}
	c.unheard = false
	if err := c.l.enrol(c); err != nil {
		c.l.log.Error("a connection could not be registered; it is closed", "loop", c.l.index, "error", err)
		e := unix.ENOMEM
		_ = errors.As(err, &e) // it is one
		c.failed, c.err, c.end = true, errno(e), errno(e)
		c.readable = true // so that its handler hears of it
		c.Again()
	}
}

// hearSpared registers those whose time has come.
func (l *Loop) hearSpared() {
	n := 0
	for _, s := range l.spared {
		if !s.c.closed && s.c.unheard && s.at > l.now {
			break
		}
		s.c.hear()
		n++
	}
	if n > 0 {
		rest := copy(l.spared, l.spared[n:])
		clear(l.spared[rest:])
		l.spared = l.spared[:rest]
	}
}

// heardIn is how long the loop may sleep for the sake of the spared, in
// milliseconds, rounded up; at most timeout.
func (l *Loop) heardIn(timeout int) int {
	if len(l.spared) == 0 {
		return timeout
	}
	left := (l.spared[0].at - l.now + int64(time.Millisecond) - 1) / int64(time.Millisecond)
	return min(timeout, max(0, int(left)))
}
