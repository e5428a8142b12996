package h1_test

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/h1"
)

// on opens a client connection that is carried by the loop i.
func on(t *testing.T, p *proxy, i int) (net.Conn, *bufio.Reader) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.loops[i].Post(func() { p.planes[i].Accept(fds[0], netip.AddrPort{}, netip.AddrPort{}, p.fe) })
	f := os.NewFile(uintptr(fds[1]), "client")
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c, bufio.NewReader(c)
}

// ask sends one request by the loop i, and waits until its connection is idle.
func ask(t *testing.T, p *proxy, i int, requests int) {
	t.Helper()
	c, r := on(t, p, i)
	for range requests {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if h, err := head(r); err != nil || h[9:12] != "200" {
			t.Fatalf("by loop %d: %q, %v", i, h, err)
		}
		_, _ = r.Discard(5)
		turn(p.loops[i])
	}
	_ = c.Close()
}

// rounds is how often two loops have their turn.
const rounds = 100

func TestALoopTakesAnIdleConnectionOfAnother(t *testing.T) {
	tests := map[string]struct {
		reuse   config.Reuse
		loops   int
		each    int // requests of a client
		low     int // pool-low-conn
		dials   int64
		prepare func([]*h1.Plane)
	}{
		"by http-reuse always":                       {reuse: config.ReuseAlways, loops: 4, each: 1, dials: 1, prepare: h1.Patiently},
		"by http-reuse aggressive, once proven":      {reuse: config.ReuseAggressive, loops: 2, each: 3, dials: 1, prepare: h1.Patiently},
		"not for a first request by http-reuse safe": {reuse: config.ReuseSafe, loops: 2, each: 1, dials: rounds, prepare: h1.Patiently},
		"not what belongs to a client":               {reuse: config.ReuseNever, loops: 2, each: 2, dials: rounds, prepare: h1.Patiently},
		"not below pool-low-conn: each has its own":  {reuse: config.ReuseAlways, loops: 2, each: 1, low: 3, dials: 2, prepare: h1.Patiently},
		"not with tune.idle-pool.shared off":         {reuse: config.ReuseAlways, loops: 4, each: 1, dials: 4, prepare: func([]*h1.Plane) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := begin(t, &config.Proxy{Reuse: tt.reuse}, tt.loops, tt.prepare, serve(t, always(hello)))
			set(p, func(s *config.Server) { s.PoolLowConn = tt.low })
			for i := range rounds {
				ask(t, p, i%tt.loops, tt.each)
			}
			n := p.be.Counters.Sum(backend.Connects)
			t.Logf("%d dials for %d requests", n, rounds*tt.each)
			if n != tt.dials {
				t.Errorf("%d dials, want %d", n, tt.dials)
			}
			if sum := n + p.be.Counters.Sum(backend.Reuses); sum != int64(rounds*tt.each) {
				t.Errorf("%d dials and reuses for %d requests", sum, rounds*tt.each)
			}
			atRest(t, p)
		})
	}
}

func TestAConnectionThatEndsWhileItMovesIsNotUsed(t *testing.T) {
	// The server closes each connection after its reply, without saying so: the
	// end comes before, while or after the other loop asks.
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways, Retries: 3}, 4, serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, hello)
	}))
	for i := range rounds {
		ask(t, p, i%4, 2)
	}
	atRest(t, p)
}

func TestAClientThatLeavesWhileItsRequestAsksLosesNoConnection(t *testing.T) {
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways, AbortOnClose: true}, 2, serve(t, always(hello)))
	for i := range rounds {
		ask(t, p, 0, 1)
		c, _ := on(t, p, 1)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if i%2 == 0 {
			turn(p.loops[1])
		}
		_ = c.Close()
	}
	atRest(t, p)
}
