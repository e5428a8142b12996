package h1_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// moving is a backend that sends requests again elsewhere.
func moving() *config.Proxy {
	limit := time.Minute
	return &config.Proxy{Retries: 3, Redispatch: -1, Reuse: config.ReuseAlways,
		Timeouts: config.Timeouts{Connect: limit, Client: limit, Server: limit}}
}

// dying are two servers: the first connection to any of them meets its death, the
// others the script.
func dying(t testing.TB, death, then script) []string {
	t.Helper()
	var conns atomic.Int32
	both := func(r *bufio.Reader, c net.Conn) {
		if conns.Add(1) == 1 {
			death(r, c)
			return
		}
		then(r, c)
	}
	return []string{serve(t, both), serve(t, both)}
}

// reset ends a connection by a reset.
func reset(c net.Conn) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// echo answers with the body, and the trailer X-Sum if there is one.
func echo(r *bufio.Reader, c net.Conn) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Sum: %s\r\nContent-Length: %d\r\n\r\n", req.Trailer.Get("X-Sum"), len(body))
		if _, err := c.Write(body); err != nil {
			return
		}
	}
}

// upload is a PUT in two halves, framed either way.
func upload(body []byte, chunked bool) (first, second []byte) {
	half := len(body) / 2
	if !chunked {
		return append(fmt.Appendf(nil, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len(body)), body[:half]...), body[half:]
	}
	first = []byte("PUT / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n")
	if half > 0 {
		first = fmt.Appendf(first, "%x\r\n%s\r\n", half, body[:half])
	}
	return first, fmt.Appendf(nil, "%x\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n", len(body)-half, body[half:])
}

func TestAnUploadSurvivesItsServer(t *testing.T) {
	deaths := map[string]script{
		"at once":         func(r *bufio.Reader, c net.Conn) {},
		"by a reset":      func(r *bufio.Reader, c net.Conn) { reset(c) },
		"behind the head": func(r *bufio.Reader, c net.Conn) { _, _ = head(r) },
		"in the body":     func(r *bufio.Reader, c net.Conn) { _, _ = head(r); _, _ = r.ReadByte() },
		"in its reply":    func(r *bufio.Reader, c net.Conn) { _, _ = head(r); _, _ = io.WriteString(c, "HTTP/1.1 20") },
		"after a 100": func(r *bufio.Reader, c net.Conn) {
			_, _ = head(r)
			_, _ = io.WriteString(c, "HTTP/1.1 103 Early\r\n\r\n")
		},
		"behind the whole": func(r *bufio.Reader, c net.Conn) { req, _ := http.ReadRequest(r); _, _ = io.Copy(io.Discard, req.Body) },
		"reset behind the whole": func(r *bufio.Reader, c net.Conn) {
			req, _ := http.ReadRequest(r)
			_, _ = io.Copy(io.Discard, req.Body)
			reset(c)
		},
	}
	for name, death := range deaths {
		for _, size := range []int{2, 5000, 64 << 10, 200 << 10, 256 << 10} {
			for _, chunked := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %d bytes, chunked %t", name, size, chunked), func(t *testing.T) {
					t.Parallel()
					p := start(t, moving(), 1, dying(t, death, echo)...)
					c, r := dial(t, p.addr)
					body := pattern("x", size)
					first, second := upload(body, chunked)
					if _, err := c.Write(first); err != nil {
						t.Fatal(err)
					}
					if !strings.Contains(name, "whole") {
						until(t, "the second server", func() bool { return p.be.Counters.Sum(backend.Connects) == 2 })
					}
					if _, err := c.Write(second); err != nil {
						t.Fatal(err)
					}
					res, _, err := final(r, "PUT")
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(res.Body)
					if res.StatusCode != 200 || err != nil || !bytes.Equal(got, body) || chunked != (res.Header.Get("X-Sum") == "1") {
						t.Errorf("got %s with %d bytes, %v, trailer %q", res.Status, len(got), err, res.Header.Get("X-Sum"))
					}
					_ = c.Close()
					nothingKept(t, p)
				})
			}
		}
	}
}

// nothingKept says that no body is kept any more, nor anything else.
func nothingKept(t *testing.T, p *proxy) {
	t.Helper()
	atRest(t, p)
	if n := p.fe.Env.Kept.Load(); n != 0 {
		t.Errorf("%d bytes of bodies are still kept", n)
	}
	for _, l := range p.loops {
		turn(l)
		until(t, "buffers given back", func() bool { return l.Facts().Held == 0 })
	}
}

func TestA100IsSentOnce(t *testing.T) {
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	says := func(then script) script {
		return func(r *bufio.Reader, c net.Conn) {
			if _, err := r.Peek(1); err == nil {
				_, _ = io.WriteString(c, goOn)
				then(r, c)
			}
		}
	}
	silent := func(r *bufio.Reader, c net.Conn) { _, _ = head(r) }
	tests := map[string]struct {
		first, second script
		buffer        bool
		want          int
	}{
		"by the server that died":     {says(silent), echo, false, 1},
		"by both":                     {says(silent), says(echo), false, 1},
		"by the server that answered": {silent, says(echo), false, 1},
		"by nobody":                   {silent, echo, false, 0},
		"here":                        {silent, says(echo), true, 1},
		"by one whose body has begun": {says(func(r *bufio.Reader, c net.Conn) { _, _ = head(r); _, _ = r.ReadByte() }), says(echo), false, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := moving()
			cfg.BufferRequest = tt.buffer
			p := start(t, cfg, 1, dying(t, tt.first, tt.second)...)
			c, r := dial(t, p.addr)
			_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
			if strings.Contains(name, "begun") {
				_, _ = io.WriteString(c, "01")
			}
			if !tt.buffer {
				until(t, "the second server", func() bool { return p.be.Counters.Sum(backend.Connects) == 2 })
			}
			_, _ = io.WriteString(c, "0123456789"[map[bool]int{true: 2}[strings.Contains(name, "begun")]:])
			res, hundreds, err := final(r, "PUT")
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(res.Body); res.StatusCode != 200 || string(b) != "0123456789" || err != nil || hundreds != tt.want {
				t.Errorf("got %s %q, %v behind %d times 100, want %d", res.Status, b, err, hundreds, tt.want)
			}
		})
	}
}

func TestABodyThatIsNotKeptIsNotSentAgain(t *testing.T) {
	const size = 256 << 10
	tests := map[string]struct {
		size    int
		chunked bool
		most    int64
	}{
		"too long, as it says":  {size + 1, false, 0},
		"too long, as it shows": {size + 1000, true, 0},
		"memory is short":       {100 << 10, false, 50 << 10},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			p := start(t, moving(), 1, serve(t, func(r *bufio.Reader, c net.Conn) {
				go func() { _, _ = io.Copy(io.Discard, r) }() // ends with the connection
				<-end
			}))
			p.fe.Env.KeepTotal.Store(tt.most)
			c, r := dial(t, p.addr)
			first, second := upload(pattern("x", tt.size), tt.chunked)
			_, _ = c.Write(append(first, second[:len(second)-20]...))
			until(t, "the body at the server", func() bool { return p.be.Counters.Sum(backend.Unkept) == 1 })
			turn(p.loops[0])
			if n := p.fe.Env.Kept.Load(); n != 0 {
				t.Errorf("%d bytes are still kept of a body that cannot be sent again", n)
			}
			close(end)
			if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 502 ") {
				t.Errorf("got %q, %v", h, err)
			}
			if n := p.be.Counters.Sum(backend.Connects); n != 1 {
				t.Errorf("%d connections to servers", n)
			}
			_ = c.Close()
			nothingKept(t, p)
		})
	}
}

func TestALongUploadIsSpliced(t *testing.T) {
	p := start(t, moving(), 1, serve(t, echo))
	body := pattern("x", 4<<20)
	req, err := http.NewRequest(http.MethodPut, "http://"+p.addr+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	until(t, "splices", func() bool { return p.loops[0].Facts().Splices > 0 })
	if n := p.fe.Env.Kept.Load(); n != 0 {
		t.Errorf("%d bytes kept", n)
	}
}
