package h1_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
)

// narrow is the line of a server whose connections hold little in the kernel.
func narrow(name, addr string) *config.Server {
	ap := netip.MustParseAddrPort(addr)
	return &config.Server{Name: name, Weight: 1, PoolMaxConn: -1, PoolPurgeDelay: time.Minute, MaxReuse: -1, Fall: 3, Rise: 2,
		Addr: config.Address{Host: ap.Addr().String(), IP: ap.Addr(), Port: int(ap.Port())}, Socket: loop.Options{SendBuffer: 4 << 10}}
}

func TestAReplayWaitsForAServerThatReadsSlowly(t *testing.T) {
	slow := make(chan struct{})
	servers := dying(t, func(r *bufio.Reader, c net.Conn) {
		req, _ := http.ReadRequest(r)
		_, _ = io.CopyN(io.Discard, req.Body, 190<<10)
	}, func(r *bufio.Reader, c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		<-slow
		echo(r, c)
	})
	cfg := moving()
	cfg.Servers = []*config.Server{narrow("s1", servers[0]), narrow("s2", servers[1])}
	p := start(t, cfg, 1)
	body := pattern("x", 200<<10)
	first, second := upload(body, false)
	c, r := dial(t, p.addr)
	_, _ = c.Write(append(first, second[:len(second)-10]...))
	until(t, "the second server", func() bool { return p.be.Counters.Sum(backend.Connects) == 2 })
	turn(p.loops[0])
	turn(p.loops[0])
	// What is kept, and no second copy of it for a server that does not take it.
	if held, most := p.loops[0].Facts().Held, int64(len(body)+2*68<<10); held > most {
		t.Errorf("%d bytes held, want at most %d", held, most)
	}
	_, _ = c.Write(second[len(second)-10:])
	close(slow)
	res, _, err := final(r, "PUT")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(res.Body); res.StatusCode != 200 || err != nil || !bytes.Equal(got, body) {
		t.Errorf("got %s with %d bytes, %v", res.Status, len(got), err)
	}
	_ = c.Close()
	nothingKept(t, p)
}

func TestWhenAllServersDie(t *testing.T) {
	for name, request := range map[string]string{
		"GET":                  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT":                  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"PUT under way":        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
		"PUT in chunks":        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"a switch of protocol": upgrade,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dead := func(r *bufio.Reader, c net.Conn) { _, _ = head(r) }
			p := start(t, moving(), 1, serve(t, dead), serve(t, dead))
			c, r := dial(t, p.addr)
			_, _ = io.WriteString(c, request)
			if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 502 ") {
				t.Errorf("got %q, %v", h, err)
			}
			_ = c.Close()
			nothingKept(t, p)
		})
	}
}

func TestAClientThatLeavesDuringAReplay(t *testing.T) {
	leave := map[string]func(c *net.TCPConn){
		"by a reset":             func(c *net.TCPConn) { reset(c) },
		"in the middle of a PUT": func(c *net.TCPConn) { _ = c.Close() },
	}
	for name, how := range leave {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, moving(), 1, dying(t, func(r *bufio.Reader, c net.Conn) { _, _ = head(r) }, func(r *bufio.Reader, c net.Conn) {
				_, _ = io.Copy(io.Discard, r) // and no word
			})...)
			c, _ := dial(t, p.addr)
			first, _ := upload(pattern("x", 100<<10), false)
			_, _ = c.Write(first)
			until(t, "the second server", func() bool { return p.be.Counters.Sum(backend.Connects) == 2 })
			how(c.(*net.TCPConn))
			nothingKept(t, p)
		})
	}
}

func TestAServerThatWasTooLateGetsNoMoreOfTheRequest(t *testing.T) {
	late, got := make(chan struct{}), make(chan error, 1)
	cfg := moving()
	cfg.Timeouts.Server = 200 * time.Millisecond
	p := start(t, cfg, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		<-late
		_, err := io.Copy(io.Discard, r)
		got <- err
	}))
	c, r := dial(t, p.addr)
	first, second := upload(pattern("x", 1<<20), false)
	go func() { _, _ = c.Write(append(first, second...)) }() // ends with the connection
	if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 504 ") {
		t.Errorf("got %q, %v", h, err)
	}
	close(late)
	if err := <-got; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server read all that was sent, %v, although its client was told that it is late", err)
	}
}

func TestAReplyThatBeginsBeforeAReplayIsSentWhole(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprintf("chunked %t", chunked), func(t *testing.T) {
			t.Parallel()
			read := make(chan struct{})
			servers := dying(t, func(r *bufio.Reader, c net.Conn) {
				req, _ := http.ReadRequest(r)
				_, _ = io.CopyN(io.Discard, req.Body, 190<<10)
			}, func(r *bufio.Reader, c net.Conn) {
				_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
				req, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
				<-read
				b, _ := io.ReadAll(req.Body)
				_, _ = c.Write(b)
			})
			cfg := moving()
			cfg.Servers = []*config.Server{narrow("s1", servers[0]), narrow("s2", servers[1])}
			p := start(t, cfg, 1)
			body := pattern("x", 200<<10)
			first, second := upload(body, chunked)
			c, r := dial(t, p.addr)
			_, _ = c.Write(append(first, second...))
			res, _, err := final(r, "PUT")
			if err != nil {
				t.Fatal(err)
			}
			close(read)
			if got, err := io.ReadAll(res.Body); res.StatusCode != 200 || err != nil || !bytes.Equal(got, body) {
				t.Errorf("got %s, and the server %d of %d bytes, %v", res.Status, len(got), len(body), err)
			}
			_ = c.Close()
			nothingKept(t, p)
		})
	}
}
