package loop

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestADialHasItsSourceAndOptions(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to := &Target{
		Addr: netip.MustParseAddrPort(ln.Addr().String()), From: netip.MustParseAddrPort("127.0.0.9:0"), Iface: "lo",
		Options: Options{KeepAlive: true, KeepCount: 4, KeepIdle: 50 * time.Second, KeepInterval: 7 * time.Second, UserTimeout: 9 * time.Second, SendBuffer: 40000, ReceiveSize: 50000},
	}
	want := map[string][3]int{ // the kernel doubles the sizes of buffers
		"keep-alive": {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, "count": {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
		"idle": {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 50}, "interval": {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 7},
		"user timeout": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 9000}, "no delay": {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		"send buffer": {unix.SOL_SOCKET, unix.SO_SNDBUF, 80000}, "receive buffer": {unix.SOL_SOCKET, unix.SO_RCVBUF, 100000},
	}
	l := running(t)
	on(l, func() {
		c, err := l.Dial(to, &handler{})
		if err != nil {
			t.Errorf("dial: %v", err)
			return
		}
		for name, o := range want {
			if got, err := unix.GetsockoptInt(c.FD(), o[0], o[1]); got != o[2] || err != nil {
				t.Errorf("%s is %d (%v), want %d", name, got, err, o[2])
			}
		}
	})
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if host, _, _ := net.SplitHostPort(conn.RemoteAddr().String()); host != "127.0.0.9" {
		t.Errorf("the connection comes from %s", host)
	}
}

func TestAListenerDefersItsAccept(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := (&Options{DeferAccept: true}).Set(fd); err != nil {
		t.Fatal(err)
	}
	if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT); got != 1 || err != nil {
		t.Errorf("accepts wait for %d s (%v), want 1", got, err)
	}
}

func TestASourceThatIsNotHereIsToldAtOnce(t *testing.T) {
	l := running(t)
	on(l, func() {
		_, err := l.Dial(&Target{Addr: netip.MustParseAddrPort("127.0.0.1:1"), From: netip.MustParseAddrPort("192.0.2.1:0")}, &handler{})
		if !errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Errorf("%v, want EADDRNOTAVAIL", err)
		}
	})
}
