package h1_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/cert"
	"bascule/internal/cert/certtest"
	"bascule/internal/config"
	"bascule/internal/h1"
	"bascule/internal/stream"
)

// A racer lets something happen to a kept connection behind the look at it and
// before the request is sent: the keep-alive race, every time.
type racer struct {
	stream.Dialer
	race func() // once; nil: nothing
}

func (d *racer) Connect(s *stream.Stream, srv *backend.Server, fresh bool) (stream.Back, stream.Way, error) {
	b, way, err := d.Dialer.Connect(s, srv, fresh)
	if f := d.race; way == stream.Kept && f != nil {
		d.race = nil
		f()
	}
	return b, way, err
}

// idle is a server whose first connection answers a GET and then meets its death;
// the others answer all. It counts what was done.
type idle struct {
	mu    sync.Mutex
	first net.Conn // guarded by mu
	posts int      // read whole; guarded by mu
	death func(r *bufio.Reader, c net.Conn)
}

func (v *idle) serve(r *bufio.Reader, c net.Conn) {
	v.mu.Lock()
	first := v.first == nil
	if first {
		v.first = c
	}
	v.mu.Unlock()
	for n := 0; ; n++ {
		if first && n == 1 && v.death != nil {
			v.death(r, c)
			return
		}
		if !v.answer(r, c) {
			return
		}
	}
}

// read takes a request and says whether there was one.
func (v *idle) read(r *bufio.Reader) bool {
	h, err := head(r)
	if err != nil {
		return false
	}
	if strings.HasPrefix(h, "POST") {
		if _, err := r.Discard(10); err != nil {
			return false
		}
		v.mu.Lock()
		v.posts++
		v.mu.Unlock()
	}
	return true
}

func (v *idle) answer(r *bufio.Reader, c net.Conn) bool {
	if !v.read(r) {
		return false
	}
	_, err := io.WriteString(c, hello)
	return err == nil
}

// pastPeek runs a POST behind a GET over one server connection; what happens in
// between is said by race.
func pastPeek(t *testing.T, cfg *config.Proxy, v *idle, race func(c net.Conn), servers ...string) (p *proxy, reply string) {
	t.Helper()
	var d *racer
	p = begin(t, cfg, 1, func(planes []*h1.Plane) {
		d = &racer{Dialer: planes[0]}
		planes[0].Carrier().Dialer = d
	}, servers...)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Discard(5)
	if race != nil {
		p.loops[0].Post(func() { d.race = func() { race(v.first) } })
	}
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789")
	b, _ := io.ReadAll(r)
	_ = c.Close()
	return p, string(b)
}

// TestAThousandPOSTsOverTLSWithoutALoss lets the server close an idle connection just
// as each of them is sent over it.
func TestAThousandPOSTsOverTLSWithoutALoss(t *testing.T) {
	const posts = 1000
	var mu sync.Mutex
	var last net.Conn // guarded by mu: has carried the newest request
	done := map[string]int{}
	srv := serveTLS(t, func(r *bufio.Reader, c net.Conn) {
		for {
			h, err := head(r)
			if err != nil {
				return
			}
			if _, err := r.Discard(10); err != nil {
				return
			}
			what, _, _ := strings.Cut(h, " HTTP")
			mu.Lock()
			last = c
			done[what]++
			mu.Unlock()
			if _, err := io.WriteString(c, hello); err != nil {
				return
			}
		}
	})
	cfg := moving()
	cfg.Servers = []*config.Server{srv}
	var d *racer
	p := begin(t, cfg, 1, func(planes []*h1.Plane) {
		d = &racer{Dialer: planes[0]}
		planes[0].Carrier().Dialer = d
	})
	race := func() {
		mu.Lock()
		defer mu.Unlock()
		_ = last.Close()
	}
	c, r := dial(t, p.addr)
	for i := range posts {
		_, _ = fmt.Fprintf(c, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", i)
		res, _, err := final(r, "POST")
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("POST %d: %v, %v", i, res, err)
		}
		_, _ = r.Discard(5)
		p.loops[0].Post(func() { d.race = race })
		turn(p.loops[0])
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range posts {
		if n := done[fmt.Sprintf("POST /%d", i)]; n != 1 {
			t.Errorf("POST %d was done %d times", i, n)
		}
	}
	if n := p.be.Counters.Sum(backend.ReplaysUnsent); n != posts-1 {
		t.Errorf("%d were sent again because they were not taken, want %d", n, posts-1)
	}
}

func TestAPOSTThatWasNotTakenIsSentAgain(t *testing.T) {
	tests := map[string]struct {
		race  func(c net.Conn)
		death func(r *bufio.Reader, c net.Conn)
		want  string
		posts int // done
	}{
		"its connection was closed":                  {race: func(c net.Conn) { _ = c.Close() }, want: "200", posts: 1},
		"its connection was reset, and nothing left": {race: reset, want: "200", posts: 1},
		"it was read whole, and reset":               {death: nil, want: "502", posts: 1},
		"it was read whole, and closed":              {death: nil, want: "502", posts: 1},
		"a part of it was read":                      {death: func(r *bufio.Reader, c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, want: "502"},
	}
	for name, tt := range tests {
		for _, over := range []string{"TCP", "TLS", "a unix socket"} {
			t.Run(name+" over "+over, func(t *testing.T) {
				t.Parallel()
				v := &idle{death: tt.death}
				if strings.HasPrefix(name, "it was read") {
					v.death = func(r *bufio.Reader, c net.Conn) {
						v.read(r)
						if strings.HasSuffix(name, "reset") && over != "a unix socket" {
							reset(c)
						}
					}
				}
				cfg, servers := moving(), []string(nil)
				switch over {
				case "TCP":
					servers = []string{serve(t, v.serve)}
				case "TLS":
					cfg.Servers = []*config.Server{serveTLS(t, v.serve)}
				default:
					cfg.Servers = []*config.Server{serveUnix(t, v.serve)}
				}
				p, reply := pastPeek(t, cfg, v, closing(tt.race, over), servers...)
				v.mu.Lock()
				posts := v.posts
				v.mu.Unlock()
				if !strings.HasPrefix(reply, "HTTP/1.1 "+tt.want) || posts != tt.posts {
					t.Errorf("got %.40q, %d times done; want %s, %d", reply, posts, tt.want, tt.posts)
				}
				nothingKept(t, p)
			})
		}
	}
}

// closing is race, in the form that the socket has.
func closing(race func(net.Conn), over string) func(net.Conn) {
	if race == nil || over != "a unix socket" {
		return race
	}
	return func(c net.Conn) { _ = c.Close() }
}

// serveTLS is serve over TLS, as a server's line.
func serveTLS(t *testing.T, f script) *config.Server {
	t.Helper()
	pair, err := tls.X509KeyPair(certtest.New(t).ECDSA("web.test"))
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(serve(t, func(_ *bufio.Reader, c net.Conn) {
		secured := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}})
		f(bufio.NewReader(secured), secured)
	}))
	with := new(cert.Client)
	with.Build()
	return &config.Server{Name: "t", ID: 1, Weight: 1, PoolMaxConn: -1, PoolPurgeDelay: time.Minute, MaxReuse: -1, Fall: 3, Rise: 2,
		Addr: config.Address{Host: addr.Addr().String(), IP: addr.Addr(), Port: int(addr.Port())}, TLS: with}
}

// serveUnix is serve over a unix socket, as a server's line.
func serveUnix(t *testing.T, f script) *config.Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f(bufio.NewReader(c), c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return &config.Server{Name: "u", ID: 1, Weight: 1, PoolMaxConn: -1, PoolPurgeDelay: time.Minute, MaxReuse: -1, Fall: 3, Rise: 2,
		Addr: config.Address{Kind: config.AddrUnix, Path: path}}
}

// A hooked is a server's side of which one Flush is preceded by something.
type hooked struct {
	stream.Back
	first func() // once; nil: nothing
}

func (h *hooked) Flush() {
	if f := h.first; f != nil {
		h.first = nil
		f()
	}
	h.Back.Flush()
}

// A hooker gives such ones.
type hooker struct {
	stream.Dialer
	last *hooked
}

func (d *hooker) Connect(s *stream.Stream, srv *backend.Server, fresh bool) (stream.Back, stream.Way, error) {
	b, way, err := d.Dialer.Connect(s, srv, fresh)
	if err != nil {
		return nil, way, err
	}
	d.last = &hooked{Back: b}
	return d.last, way, nil
}

func TestAnAnswerInTheMiddleOfAnUploadIsReadBehindAReset(t *testing.T) {
	const no = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
	conns := make(chan net.Conn, 1)
	end := make(chan struct{})
	defer close(end)
	var d *hooker
	p := begin(t, moving(), 1, func(planes []*h1.Plane) {
		d = &hooker{Dialer: planes[0]}
		planes[0].Carrier().Dialer = d
	}, serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = r.Discard(5)
		conns <- c
		<-end
	}))
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
	server := <-conns
	armed := make(chan struct{})
	p.loops[0].Post(func() {
		d.last.first = func() {
			_, _ = io.WriteString(server, no)
			reset(server)
		}
		close(armed)
	})
	<-armed
	_, _ = io.WriteString(c, "56789")
	if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 413 ") {
		t.Errorf("got %q, %v", h, err)
	}
}

func TestADeathInTheMiddleOfAReplyIsNoRace(t *testing.T) {
	for name, part := range map[string]string{
		"in a head":             "HTTP/1.1 200 OK\r\nContent-Le",
		"in a body":             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
		"behind an interim one": "HTTP/1.1 103 Early\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &idle{}
			v.death = func(r *bufio.Reader, c net.Conn) {
				_, _ = head(r)
				_, _ = io.WriteString(c, part)
			}
			addr := serve(t, v.serve)
			p := start(t, moving(), 1, addr, addr)
			c, r := dial(t, p.addr)
			for range 3 { // the third goes where the first has been
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if res, _, err := final(r, "GET"); err != nil || res.StatusCode != 200 {
					t.Fatalf("got %v, %v", res, err)
				}
				_, _ = r.Discard(5)
			}
			if races, replays := p.be.Counters.Sum(backend.Races), p.be.Counters.Sum(backend.Replays); races != 0 || replays != 1 {
				t.Errorf("%d races and %d replays, want 0 and 1", races, replays)
			}
		})
	}
}

func TestALargePOSTThatWasNotTakenIsSentAgain(t *testing.T) {
	body := pattern("x", 200<<10)
	first := make(chan net.Conn, 8)
	addr := serve(t, func(r *bufio.Reader, c net.Conn) {
		first <- c
		echo(r, c)
	})
	var d *racer
	p := begin(t, moving(), 1, func(planes []*h1.Plane) {
		d = &racer{Dialer: planes[0]}
		planes[0].Carrier().Dialer = d
	}, addr)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, _, err := final(r, "GET"); err != nil || res.StatusCode != 200 {
		t.Fatal(err)
	}
	p.loops[0].Post(func() { d.race = func() { _ = (<-first).Close() } })
	turn(p.loops[0])
	_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	res, _, err := final(r, "POST")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(res.Body); res.StatusCode != 200 || err != nil || !bytes.Equal(got, body) {
		t.Errorf("got %s with %d bytes, %v", res.Status, len(got), err)
	}
	if n := p.be.Counters.Sum(backend.ReplaysUnsent); n != 1 {
		t.Errorf("%d were sent again because they were not taken, want 1", n)
	}
}
