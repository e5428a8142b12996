package traffic

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
)

// Site is where a load goes: the only address that gets traffic.
type Site struct {
	// URL is http://HOST:PORT or https://HOST:PORT, without a slash at its end.
	URL string
	// TLS is what the clients of https trust; nil: what the system does.
	TLS *tls.Config
}

// Addr is the site's host and port.
func (s Site) Addr() string {
	_, addr, _ := strings.Cut(s.URL, "://")
	return addr
}

// Dial connects to the site, and does the handshake of https. The time of both is
// bounded by ctx and by the dialer.
func (s Site) Dial(ctx context.Context, dialer *net.Dialer) (net.Conn, error) {
	if !strings.HasPrefix(s.URL, "https:") {
		return dialer.DialContext(ctx, "tcp", s.Addr())
	}
	return (&tls.Dialer{NetDialer: dialer, Config: s.TLS}).DialContext(ctx, "tcp", s.Addr())
}

// Quiet says whether an idle connection of Dial is open and has nothing to read: with
// TLS no end that was announced either.
func Quiet(conn net.Conn) bool {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	var one [1]byte
	err = raw.Read(func(fd uintptr) bool {
		_, _, peeked = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && errors.Is(peeked, syscall.EAGAIN)
}
