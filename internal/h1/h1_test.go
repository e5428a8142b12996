package h1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bascule/internal/config"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func TestPlane(t *testing.T) {
	tests := map[string]struct {
		server  script
		cfg     config.Proxy
		request string
		want    string // the whole of what the client reads, Date apart
	}{
		"a GET is answered and the connection closed as asked": {
			server:  always(hello),
			request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
		},
		"HTTP/1.0 closes by itself": {
			server:  always(hello),
			request: "GET / HTTP/1.0\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
		},
		"pipelined requests are answered in order": {
			server:  always(hello),
			request: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    strings.Repeat("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 2) + "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
		},
		"chunks are framed anew and trailers pass": {
			server:  always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n"),
			request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		},
		"chunks become a close for HTTP/1.0": {
			server:  always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
			request: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
		},
		"a body that ends with the server's connection becomes chunked": {
			server: func(r *bufio.Reader, c net.Conn) {
				_, _ = head(r)
				_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nhello")
			},
			request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		},
		"HEAD keeps the length and has no body": {
			server:  always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
			request: "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n",
		},
		"an interim reply passes before the final one": {
			server:  always("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + hello),
			request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
		},
		"an internal answer is streamed": {
			server:  always(hello),
			cfg:     config.Proxy{},
			request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			want:    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := tt.cfg
			p := start(t, &cfg, 1, serve(t, tt.server))
			if got := talk(t, p.addr, tt.request); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestUploadsReachTheServerWhole(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			b, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(b))
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways}, 1, srv)
	for _, n := range []int{0, 1, 100, 5000, 70000, len(body)} {
		for _, chunked := range []bool{false, true} {
			var rd io.Reader = bytes.NewReader(body[:n])
			if chunked {
				rd = struct{ io.Reader }{rd}
			}
			res, err := http.Post("http://"+p.addr+"/", "text/plain", rd)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatalf("%d bytes, chunked %v: after %d: %v", n, chunked, len(got), err)
			}
			_ = res.Body.Close()
			if !bytes.Equal(got, body[:n]) {
				t.Errorf("%d bytes, chunked %v: got %d bytes back", n, chunked, len(got))
			}
		}
	}
}

func TestAnUpgradeBecomesATunnelThatEndsBothWays(t *testing.T) {
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		h, err := head(r)
		if err != nil || !strings.Contains(h, "Upgrade: echo") || !strings.Contains(h, "connection: upgrade") {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nahead")
		_, _ = io.Copy(c, r)
	})
	p := start(t, &config.Proxy{}, 1, srv)
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly")
	h, err := head(r)
	if err != nil || !strings.HasPrefix(h, "HTTP/1.1 101 ") {
		t.Fatalf("got %q, %v", h, err)
	}
	_, _ = io.WriteString(c, " and late")
	_ = c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(r)
	if want := "aheadearly and late"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestNoServerGives503(t *testing.T) {
	p := start(t, &config.Proxy{}, 1, refusing(t))
	if got := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("got %q", got)
	}
}

func TestAServerThatClosedAKeptConnectionCostsNothing(t *testing.T) {
	// The first request of a connection is answered; the second is read and
	// the connection closed without a word: the race of keep-alive.
	srv := serve(t, func(r *bufio.Reader, c net.Conn) {
		if _, err := head(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, hello)
		_, _ = head(r)
	})
	p := start(t, &config.Proxy{Reuse: config.ReuseAlways, Retries: 3}, 1, srv)
	for i := range 6 {
		if got := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, "hello") {
			t.Fatalf("request %d: got %q", i, got)
		}
	}
}

func TestARefusedServerIsLeftAtOnceWithRedispatch(t *testing.T) {
	p := start(t, &config.Proxy{Retries: 3, Redispatch: -1}, 1, refusing(t), serve(t, always(hello)))
	for i := range 4 {
		if got := talk(t, p.addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasSuffix(got, "hello") {
			t.Fatalf("request %d: got %q", i, got)
		}
	}
}

func TestRepliesThatLieAre502(t *testing.T) {
	for name, reply := range map[string]string{
		"two lengths":          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"not HTTP":             "hello\r\n\r\n",
		"length and chunked":   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a switch unasked for": switching,
		"folded field":         "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 5\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, &config.Proxy{}, 1, serve(t, always(reply)))
			if got := talk(t, p.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 502 ") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestARequestThatLiesIs400AndNothingAfterItIsRead(t *testing.T) {
	p := start(t, &config.Proxy{}, 1, serve(t, always(hello)))
	got := talk(t, p.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Count(got, "HTTP/1.1") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestAReplyThatBreaksOffIsNotEndedAsComplete(t *testing.T) {
	for name, reply := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, &config.Proxy{}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
				_, _ = head(r)
				_, _ = io.WriteString(c, reply)
			}))
			res, err := http.Get("http://" + p.addr + "/")
			if err != nil {
				return // broken before the head: just as good
			}
			defer res.Body.Close()
			if b, err := io.ReadAll(res.Body); err == nil {
				t.Errorf("read %q without an error", b)
			}
		})
	}
}
