package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWhichBindTakesAnOfferedSocket opens each socket as a .socket unit would.
func TestWhichBindTakesAnOfferedSocket(t *testing.T) {
	dir := shortDir(t)
	tests := map[string]struct {
		network, addr string
		only          int // IPV6_V6ONLY
		taken, left   []string
	}{
		"an address":     {"tcp4", "127.0.0.1:0", 0, []string{"bind 127.0.0.1:%d", "bind ipv4@127.0.0.1:%d"}, []string{"bind :%d", "bind 127.0.0.2:%d"}},
		"any of IPv4":    {"tcp4", "0.0.0.0:0", 0, []string{"bind :%d", "bind *:%d", "bind 0.0.0.0:%d"}, []string{"bind :::%d", "bind 127.0.0.1:%d", "bind :%d interface lo"}},
		"any of IPv6":    {"tcp6", "[::]:0", 1, []string{"bind :::%d"}, []string{"bind :%d", "bind :::%d v4v6"}},
		"any of both":    {"tcp6", "[::]:0", 0, []string{"bind :::%d v4v6"}, []string{"bind :%d", "bind :::%d"}},
		"one of IPv6":    {"tcp6", "[::1]:0", 0, []string{"bind ::1:%d", "bind ::1:%d v4v6"}, []string{"bind 127.0.0.1:%d"}},
		"a path":         {"unix", dir + "/web", 0, []string{"bind " + dir + "/web #%d", "bind unix@" + dir + "/web #%d"}, []string{"bind " + dir + "/other #%d"}},
		"a runtime path": {"unix", dir + "/ctl", 0, nil, []string{"bind " + dir + "/web #%d"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fd, port := listening(t, tt.network, tt.addr, tt.only)
			o := Offered{offeredAt(fd)}
			for i, line := range append(slices.Clone(tt.taken), tt.left...) {
				cfg := parse(t, t.TempDir(), "defaults\n    mode http\n    timeout client 1s\nfrontend fe\n    "+fmt.Sprintf(line, port)+"\n")
				s, want := o.For(cfg, nil), 0
				if i < len(tt.taken) {
					want = 1
				}
				if len(s) != want || len(o.Unclaimed(cfg)) != 1-want {
					t.Errorf("%s: takes %d sockets of %s, leaves %v", line, len(s), o[0].name, o.Unclaimed(cfg))
				}
				s.Close()
			}
		})
	}
	fd, _ := listening(t, "unix", dir+"/stats", 0)
	o := Offered{offeredAt(fd)}
	if s := o.For(parse(t, t.TempDir(), "global\n    stats socket "+dir+"/stats level user\n"), nil); len(s) != 1 {
		t.Errorf("a stats socket does not take over %s", o[0].name)
	} else {
		s.Close()
	}
}

// TestADescriptorThatDoesNotListenIsNotOffered: Accept=yes and datagram sockets
// have descriptors too.
func TestADescriptorThatDoesNotListenIsNotOffered(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := Offered{offeredAt(int(f.Fd()))}
	cfg := parse(t, t.TempDir(), "frontend fe\n    timeout client 1s\n    bind "+c.LocalAddr().String()+"\n")
	if s := o.For(cfg, nil); len(s) != 0 || len(o.Unclaimed(cfg)) != 1 {
		t.Errorf("takes %v", s)
	}
}

func TestOnlyTheProcessThatIsMeantIsOffered(t *testing.T) {
	t.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()+1))
	t.Setenv("LISTEN_FDS", "1")
	if o := OfferedSockets(); o != nil {
		t.Errorf("offered to another process: %v", o)
	}
}

// TestAStoppingProcessLeavesAnOfferedSocket: it goes on for its tunnel, and nobody must
// wait in a queue of it.
func TestAStoppingProcessLeavesAnOfferedSocket(t *testing.T) {
	l, err := net.Listen("tcp", freeAddr(t)) // nobody else will listen there
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	l.Close()
	addr := l.Addr().String()
	cfg := parse(t, shortDir(t), reloadHead+"listen fe\n    bind "+addr+"\n    server s "+serveEcho(t, "one")+"\n")
	e, err := New(cfg, Options{Offered: Offered{offeredAt(fd)}})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	t.Cleanup(e.Stop)
	c, err := dialChat(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	e.SoftStop()
	eventually(t, "nobody listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if err := c.say(); err != nil {
		t.Errorf("the tunnel: %v", err)
	}
}

// listening opens a socket; port is 0 for a path.
func listening(t *testing.T, network, addr string, only int) (fd, port int) {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			if network == "tcp6" {
				failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
			}
		})
		if err != nil {
			return err
		}
		return failed
	}}
	l, err := lc.Listen(context.Background(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	type filer interface{ File() (*os.File, error) }
	f, err := l.(filer).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		port = a.Port
	}
	return int(f.Fd()), port
}
