package h1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/stream"
)

const upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

func TestAServerThatIsMarkedDownEndsItsWebSocketsPolitely(t *testing.T) {
	closed := make(chan []byte, 1)
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		if _, err := head(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, switching+"\x81\x02hi")
		b, _ := io.ReadAll(r)
		closed <- b
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, upgrade)
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	hi := make([]byte, 4)
	if _, err := io.ReadFull(r, hi); err != nil {
		t.Fatal(err)
	}
	for i, l := range p.loops {
		l.Post(func() { p.planes[i].Carrier().Shutdown(p.be.Servers()[0], 'D') })
	}
	rest, err := io.ReadAll(r)
	if want := []byte{0x88, 0x02, 1012 >> 8, 1012 & 0xff}; err != nil || !bytes.Equal(rest, want) {
		t.Errorf("the client read % x, %v; want a Close frame % x", rest, err, want)
	}
	if b := <-closed; len(b) != 8 || b[0] != 0x88 || b[1]&0x80 == 0 {
		t.Errorf("the server read % x, want a masked Close frame", b)
	}
	until(t, "the slot is given back", func() bool { return p.be.Servers()[0].Cur.Cur() == 0 })
}

func TestTheClientOfAServerThatDiesIsToldToComeAgain(t *testing.T) {
	for name, sent := range map[string]string{"between frames": "\x81\x02hi", "in a frame": "\x81\x05hi", "after its Close": "\x88\x02\x03\xe8"} {
		t.Run(name, func(t *testing.T) {
			p := start(t, &config.Proxy{}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
				if _, err := head(r); err == nil {
					_, _ = io.WriteString(c, switching+sent)
				}
			}))
			c, r := dial(t, p.addr)
			_, _ = io.WriteString(c, upgrade)
			if _, err := head(r); err != nil {
				t.Fatal(err)
			}
			want := sent
			if name == "between frames" {
				want += "\x88\x02\x03\xf4"
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("read % x, %v; want % x", got, err, want)
			}
		})
	}
}

func TestNoCloseFrameGoesIntoTheMiddleOfAFrame(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		if _, err := head(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, switching+"\x81\x05hel")
		_, _ = io.ReadAll(r)
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, upgrade)
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 5)
	if _, err := io.ReadFull(r, part); err != nil {
		t.Fatal(err)
	}
	p.loops[0].Post(func() { p.planes[0].Carrier().Shutdown(p.be.Servers()[0], 'D') })
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 0 {
		t.Errorf("read % x, %v after a frame that was cut", rest, err)
	}
}

func TestClientsThatAreLate(t *testing.T) {
	const late, limit = 50 * time.Millisecond, time.Minute
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			h, err := head(r)
			if err != nil {
				return
			}
			if strings.HasPrefix(h, "GET /never") {
				_, _ = io.ReadAll(r)
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	})
	tests := map[string]struct {
		timeouts      config.Timeouts
		request, want string
	}{
		"half a head gets 408":              {config.Timeouts{Connect: limit, Client: limit, Server: limit, HTTPRequest: late, HTTPKeepAlive: limit}, "GET / HTTP/1.1\r\nHo", "HTTP/1.1 408 "},
		"an idle connection is just closed": {config.Timeouts{Connect: limit, Client: limit, Server: limit, HTTPRequest: late, HTTPKeepAlive: late}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "},
		"a server that never answers: 504":  {config.Timeouts{Connect: limit, Client: limit, Server: late, HTTPRequest: limit, HTTPKeepAlive: late}, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 504 "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := start(t, &config.Proxy{Timeouts: tt.timeouts}, 1, srv)
			got := rest(t, p, tt.request)
			if !strings.HasPrefix(got, tt.want) || strings.Count(got, "HTTP/1.1 ") != 1 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestAClientThatWasSlowHasTheTimeOfKeepAlive: what it had not taken of the last
// reply gives it timeout client for that, and not for its next request.
func TestAClientThatWasSlowHasTheTimeOfKeepAlive(t *testing.T) {
	const size = 32 << 10
	reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	timeouts := config.Timeouts{Connect: time.Minute, Client: 10 * time.Minute, Server: time.Minute, HTTPKeepAlive: 5 * time.Second}
	p := start(t, &config.Proxy{Timeouts: timeouts}, 1, serve(t, always(reply)))
	c, r := dial(t, p.addr)
	n := 0
	for held := int64(0); held == 0; { // one after the other, until something is left of a reply
		n++
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		until(t, "the reply is on its way", func() bool { return p.fe.Counters.Sum(backend.Reply2xx) == int64(n) })
		said := p.loops[0].Facts()
		until(t, "the loop's figures are newer", func() bool { turn(p.loops[0]); return p.loops[0].Facts().Turns > said.Turns })
		held = p.loops[0].Facts().Held
	}
	all, err := io.ReadAll(r)
	if got := strings.Count(string(all), "HTTP/1.1 200 "); err != nil || got != n {
		t.Errorf("got %d of %d replies, %v", got, n, err)
	}
}

func TestAnAnswerMadeInsideIsStreamed(t *testing.T) {
	p := start(t, &config.Proxy{Stats: &config.Stats{URI: "/stats"}}, 1, serve(t, always(hello)))
	p.fe.Apply(&stream.Rules{Cfg: p.fe.Rules().Cfg, Default: p.be, Services: map[string]stream.Service{stream.StatsService: counting{}}})
	got := talk(t, p.addr, "GET /stats;x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if want := "2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want the end %q", got, want)
	}
	if got := talk(t, p.addr, "HEAD /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("a HEAD got a body: %q", got)
	}
}

func TestAClientThatReadsLateGetsAllOfALargeReply(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB, more than the sockets hold
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		if _, err := head(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n")
		_, _ = c.Write(body)
		_, _ = io.WriteString(c, "\r\n0\r\n\r\n")
		_, _ = head(r)
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	if p.be.Servers()[0].Counters.Sum(backend.Connects) == 0 {
		t.Fatal("no connection to the server")
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(body))
	}
}

func TestErrorFilesAreSent(t *testing.T) {
	a := &rule.Answer{Status: 503, Reason: "Gone Fishing", Fields: []byte("X-Mine: 1\r\n"), Body: []byte("back soon")}
	p := start(t, &config.Proxy{Errors: map[int]*rule.Answer{503: a}}, 1)
	got := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 503 Gone Fishing\r\n") || !strings.Contains(got, "X-Mine: 1\r\n") || !strings.HasSuffix(got, "back soon") {
		t.Errorf("got %q", got)
	}
}

func TestAnEmptyErrorFileClosesWithoutAWord(t *testing.T) {
	p := start(t, &config.Proxy{Errors: map[int]*rule.Answer{503: {Silent: true}}}, 1)
	if got := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestConnectionsAreCountedAndForgotten(t *testing.T) {
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways}, 1, serve(t, always(hello)))
	for range 10 {
		talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}
	turn(p.loops[0])
	for _, c := range []struct {
		name      string
		got, want int64
	}{
		{"requests", p.fe.Counters.Sum(backend.Requests), 10},
		{"2xx", p.fe.Counters.Sum(backend.Reply2xx), 10},
		{"connects", p.be.Servers()[0].Counters.Sum(backend.Connects), 1},
		{"reuses", p.be.Servers()[0].Counters.Sum(backend.Reuses), 9},
		{"connects of the backend", p.be.Counters.Sum(backend.Connects), 1},
		{"reuses of the backend", p.be.Counters.Sum(backend.Reuses), 9},
		{"streams now", p.be.Cur.Cur(), 0},
		{"slots now", p.be.Servers()[0].Cur.Cur(), 0},
		{"idle connections", p.be.Servers()[0].IdleConns.Load(), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
}

func TestAClientThatPipelinesWithoutReadingIsHeldBack(t *testing.T) {
	const requests, size = 10000, 8 << 10
	reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways}, 1, serve(t, always(reply)))
	c, r := dial(t, p.addr)
	go func() { // ends when all is sent or the connection closed
		_, _ = io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", requests))
	}()
	served := func() int64 { return p.fe.Counters.Sum(backend.Requests) }
	last, same := int64(0), 0
	for same < 2000 { // turns of the loop in which nothing was served
		done := make(chan struct{})
		p.loops[0].Post(func() { close(done) })
		<-done
		if n := served(); n != last || n == 0 {
			last, same = n, 0
			continue
		}
		same++
	}
	if last > requests/10 {
		t.Errorf("%d requests of %d KiB served to a client that reads nothing", last, size>>10)
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute)) // for all the others
	for range requests {
		if _, err := head(r); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Discard(size); err != nil {
			t.Fatal(err)
		}
	}
}
