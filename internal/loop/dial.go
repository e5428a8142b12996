package loop

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Dial starts a connection to a TCP address. Ready is called when it is
// established or has failed: ask DialDone. The error is of the start only.
func (l *Loop) Dial(to netip.AddrPort, h Handler) (*Conn, error) {
	family := unix.AF_INET
	if to.Addr().Is6() && !to.Addr().Is4In6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// Small writes must leave at once; without BIND_ADDRESS_NO_PORT the
	// ephemeral ports run out per host instead of per destination.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	err = unix.Connect(fd, sockaddr(to))
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, err
	}
	c := &Conn{l: l, h: h, fd: fd, dialing: true}
	if err := l.register(c); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
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
	e, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
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
