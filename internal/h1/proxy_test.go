package h1_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/h1"
	"bascule/internal/listener"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// A proxy is a whole data plane over one frontend and one backend, on real sockets.
type proxy struct {
	addr   string
	be     *backend.Backend
	fe     *stream.Frontend
	planes []*h1.Plane
	loops  []*loop.Loop
	ln     *listener.Listener
}

// start runs a proxy with the settings of cfg in front of servers.
func start(t testing.TB, cfg *config.Proxy, loops int, servers ...string) *proxy {
	t.Helper()
	return begin(t, cfg, loops, h1.Share, servers...)
}

// begin does so with planes that prepare has seen.
func begin(t testing.TB, cfg *config.Proxy, loops int, prepare func([]*h1.Plane), servers ...string) *proxy {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg.Name, cfg.Frontend, cfg.Backend, cfg.Mode, cfg.ID = "site", true, true, config.ModeHTTP, 1
	for i, addr := range servers {
		ap := netip.MustParseAddrPort(addr)
		cfg.Servers = append(cfg.Servers, &config.Server{
			Name: fmt.Sprintf("s%d", i+1), ID: i + 1, Weight: 1, Cookie: fmt.Sprintf("s%d", i+1), PoolMaxConn: -1, PoolPurgeDelay: time.Minute, MaxReuse: -1, Fall: 3, Rise: 2,
			Addr: config.Address{Host: ap.Addr().String(), IP: ap.Addr(), Port: int(ap.Port())},
		})
	}
	if cfg.Timeouts == (config.Timeouts{}) {
		cfg.Timeouts = config.Timeouts{Connect: 10 * time.Second, Client: time.Minute, Server: time.Minute}
	}
	hub := testHub(t, cfg.Logs, loops)
	env := &stream.Env{Loops: loops, Hub: hub, Log: log, Total: backend.NewCounters(loops)}
	p := &proxy{fe: stream.NewFrontend("site", env)}
	p.be = backend.New(cfg, backend.Env{Loops: loops, Log: log, Notify: func(int, string) {}, Shutdown: func(s *backend.Server, code byte) {
		for i, l := range p.loops {
			l.Post(func() { p.planes[i].Carrier().Shutdown(s, code) })
		}
	}, Rand: func() uint64 { return 4 }})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.be.Run(ctx) })
	p.fe.Apply(&stream.Rules{Cfg: cfg, Default: p.be, Services: map[string]stream.Service{"count": counting{}}})
	g := &config.Global{BufSize: 16384, MaxRewrite: 1024, MaxHeaders: 101}
	for i := range loops {
		l, err := loop.New(i, log)
		if err != nil {
			t.Fatal(err)
		}
		p.loops = append(p.loops, l)
		p.planes = append(p.planes, h1.New(l, env, g))
	}
	prepare(p.planes)
	ln, err := listener.Open(&config.Bind{Addr: config.Address{Host: "127.0.0.1", IP: netip.MustParseAddr("127.0.0.1")}, UID: -1, GID: -1}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	ln.Serve(p.loops, func(l *loop.Loop, fd int, from, to netip.AddrPort) { p.planes[l.Index()].Accept(fd, from, to, p.fe) }, nil)
	for _, l := range p.loops {
		wg.Go(func() {
			if err := l.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	p.addr, p.ln = ln.Addr().String(), ln
	t.Cleanup(func() {
		for _, l := range p.loops {
			l.Stop()
		}
		cancel()
		wg.Wait()
		_ = ln.Close()
	})
	return p
}

// counting answers with three pieces, so that streaming shows.
type counting struct{}

func (counting) Serve(w *stream.Writer, r *stream.Asked) {
	w.Head(200, "Content-Type: text/plain\r\n")
	for i := range 3 {
		fmt.Fprintf(w, "%d\n", i)
		_ = w.Flush()
	}
}

// A script answers one connection of a server.
type script func(r *bufio.Reader, c net.Conn)

// serve runs a raw server; every connection runs the script.
func serve(t testing.TB, f script) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer func() {
					_ = c.Close()
					mu.Lock()
					delete(open, c)
					mu.Unlock()
				}()
				f(bufio.NewReader(c), c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// refusing is the address of a server that is not there: bound, so that nobody else
// gets it, and not listened on.
func refusing(t testing.TB) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
}

// head reads a request's or reply's head as lines.
func head(r *bufio.Reader) (string, error) {
	var s string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return s, err
		}
		s += line
		if line == "\r\n" {
			return s, nil
		}
	}
}

// always answers every request without a body with the same bytes.
func always(reply string) script {
	return func(r *bufio.Reader, c net.Conn) {
		for {
			if _, err := head(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, reply); err != nil {
				return
			}
		}
	}
}

func dial(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c, bufio.NewReader(c)
}

// talk sends bytes on a fresh connection and returns all that comes until it ends.
func talk(t testing.TB, addr, request string) string {
	t.Helper()
	c, r := dial(t, addr)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

// testHub writes log lines of the given targets until the test ends.
func testHub(t testing.TB, targets []*logs.Target, loops int) *logs.Hub {
	t.Helper()
	hub := logs.NewHub(targets, loops, logs.Options{Tag: "haproxy", PID: 1})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { hub.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return hub
}
