// Package loopback gives out addresses that nobody else has, for tests that start programs
// which open ports by number. To look for a free port, and to leave it to the program, is a
// race with everything else that runs on the machine.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A block is a part of 127.0.0.0/8 that belongs to this process: it holds a port of an
// address in it that Address does not give out.
type block struct {
	second int // number of its addresses
	hold   net.Listener
}

// blocks is how many second numbers are shared among processes; 127.0 and 127.1 are not.
const blocks = 250

var claimed = sync.OnceValue(func() block {
	var err error
	for i := range blocks {
		b := block{second: 2 + (os.Getpid()+i)%blocks}
		if b.hold, err = net.Listen("tcp", fmt.Sprintf("127.%d.255.254:8000", b.second)); err == nil {
			return b
		}
	}
	panic(err) // so many processes do not run at once
})

var addresses atomic.Int32

// Address is a loopback address of the caller's own: every port is free on it. Connections
// to it come from 127.0.0.1.
func Address() string {
	n := int(addresses.Add(1))
	return fmt.Sprintf("127.%d.%d.%d", claimed().second, n/250%250, 1+n%250)
}

// Reserve is for who needs a port of 127.0.0.1 or ::1. It returns a free one, which until
// release only programs can open that share theirs (SO_REUSEPORT), as bascule, haproxy and
// an nginx that is told so do: a socket that does not listen has it.
func Reserve(ip netip.Addr) (at netip.AddrPort, release func(), err error) {
	family, addr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: ip.As16()})
	if ip.Is4() {
		family, addr = unix.AF_INET, &unix.SockaddrInet4{Addr: ip.As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return at, nil, fmt.Errorf("socket: %w", err)
	}
	if err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1), unix.Bind(fd, addr)); err == nil {
		addr, err = unix.Getsockname(fd)
	}
	port := 0
	switch addr := addr.(type) {
	case *unix.SockaddrInet4:
		port = addr.Port
	case *unix.SockaddrInet6:
		port = addr.Port
	}
	release = func() { _ = unix.Close(fd) } // nothing is left to be done
	if err != nil {
		release()
		return at, nil, fmt.Errorf("a port of %s: %w", ip, err)
	}
	return netip.AddrPortFrom(ip, uint16(port)), release, nil
}
