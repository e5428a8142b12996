package h1_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// crowd sends a request on each of n connections at once, so that the server
// has n connections at once too.
func crowd(t *testing.T, p *proxy, n int, asked *atomic.Int64, answer chan struct{}) []net.Conn {
	t.Helper()
	var conns []net.Conn
	var readers []*bufio.Reader
	for range n {
		c, r := dial(t, p.addr)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		conns, readers = append(conns, c), append(readers, r)
	}
	until(t, "all requests at the server", func() bool { return asked.Load() == int64(n) })
	close(answer)
	for i, r := range readers {
		if h, err := head(r); err != nil {
			t.Fatalf("reply %d: %q, %v", i, h, err)
		}
	}
	return conns
}

// gate answers once it is opened.
func gate(asked *atomic.Int64, answer chan struct{}) script {
	return func(r *bufio.Reader, c net.Conn) {
		for {
			if _, err := head(r); err != nil {
				return
			}
			asked.Add(1)
			<-answer
			_, _ = io.WriteString(c, hello)
		}
	}
}

func TestIdleConnectionsBeyondTheNeedAreClosedByHalves(t *testing.T) {
	t.Parallel() // it takes five rounds of a second
	var asked atomic.Int64
	answer := make(chan struct{})
	p := start(t, &config.Proxy{}, 1, serve(t, gate(&asked, answer)))
	srv := p.be.Servers()[0]
	set(p, func(s *config.Server) { s.PoolPurgeDelay = time.Second })
	crowd(t, p, 16, &asked, answer)
	until(t, "idle connections", func() bool { return srv.IdleConns.Load() > 0 })
	until(t, "no idle connection", func() bool { return srv.IdleConns.Load() == 0 })
	if n := srv.Counters.Sum(backend.Connects); n != 16 {
		t.Errorf("%d connections to the server, want 16", n)
	}
}

func TestAConnectionIsRetiredAfterMaxReuse(t *testing.T) {
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways}, 1, serve(t, always(hello)))
	set(p, func(s *config.Server) { s.MaxReuse = 2 })
	for i := range 7 {
		if got := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got[9:12] != "200" {
			t.Fatalf("request %d: %q", i, got)
		}
	}
	if n := p.be.Counters.Sum(backend.Connects); n != 3 {
		t.Errorf("%d connections for 7 requests, want 3", n)
	}
}

func TestAClientsOwnConnectionsEndWithIt(t *testing.T) {
	closed := make(chan struct{}, 1)
	p := start(t, &config.Proxy{Reuse: config.ReuseNever}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		always(hello)(r, c)
		closed <- struct{}{}
	}))
	c, r := dial(t, p.addr)
	for range 3 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := head(r); err != nil {
			t.Fatal(err)
		}
		_, _ = r.Discard(5)
	}
	select {
	case <-closed:
		t.Fatal("the connection ended before its client")
	default:
	}
	_ = c.Close()
	<-closed
	if n := p.be.Counters.Sum(backend.Connects); n != 1 {
		t.Errorf("%d connections to the server, want 1", n)
	}
}

func TestAConnectionThatItsServerClosedIsNobodysOwn(t *testing.T) {
	p := start(t, &config.Proxy{Reuse: config.ReuseNever}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, hello)
	}))
	c, r := dial(t, p.addr)
	for i := range 3 {
		fmt.Fprintf(c, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", i)
		if h, err := head(r); err != nil || h[9:12] != "200" {
			t.Fatalf("reply %d: %q, %v", i, h, err)
		}
		_, _ = r.Discard(5)
		turn(p.loops[0])
		until(t, "the server's end", func() bool { return p.loops[0].Stats.Conns.Load() <= 1 })
	}
}

func TestNoLingerEndsByReset(t *testing.T) {
	p := start(t, &config.Proxy{NoLinger: true}, 1, serve(t, always(hello)))
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(r); err == nil {
		t.Error("the connection ended in order")
	}
}

// set changes the configuration of the server before it is used, on the loop
// that will read it.
func set(p *proxy, change func(*config.Server)) {
	done := make(chan struct{})
	p.loops[0].Post(func() {
		change(p.be.Servers()[0].Config())
		close(done)
	})
	<-done
}
