package loop

import (
	"errors"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Target is where connections go. It is not changed once it is in use.
type Target struct {
	Addr netip.AddrPort // over TCP
	Unix string         // or the name of a unix socket, "@" before an abstract one

	From    netip.AddrPort // the source, port 0: any; not valid: the kernel chooses
	Iface   string         // the device that they leave by, "": any
	Options                // of TCP
}

// family is the kind of socket that reaches the target.
func (t *Target) family() int {
	switch ip := t.Addr.Addr(); {
	case t.Unix != "":
		return unix.AF_UNIX
	case ip.Is6() && !ip.Is4In6():
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// Dial starts a connection. Ready is called when it is established or has
// failed: ask DialDone. The error is of the start only; a unix socket that is
// not there is told by it.
func (l *Loop) Dial(to *Target, h Handler) (*Conn, error) {
	family := to.family()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if family == unix.AF_UNIX {
		// The standard library takes names of the full length, x/sys does not.
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: to.Unix})
	} else {
		err = connectTCP(fd, to)
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return nil, err
	}
	c := &Conn{l: l, h: h, fd: int32(fd), dialing: true}
	if err := l.register(c); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

func connectTCP(fd int, to *Target) error {
	if err := to.Prepare(fd); err != nil {
		return err
	}
	return unix.Connect(fd, sockaddr(to.Addr))
}

// DialDone says whether the connection is established. Until it is, done is
// false; after a failure err tells why and c must be closed.
func (c *Conn) DialDone() (done bool, err error) {
	if !c.dialing {
		return true, nil
	}
	if !c.writable && !c.failed {
		return false, nil
	}
	e, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return false, err
	}
	if e != 0 {
		return false, unix.Errno(e)
	}
	c.dialing = false
	return true, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
}

// AddrPort is the address in sa; the zero value for a unix socket.
func AddrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
