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
	"time"

	"bascule/internal/config"
)

// mirror answers with the request it got: head, a line, body.
func mirror(r *bufio.Reader, c net.Conn) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		text := fmt.Sprintf("seen=%s expect=%s\n%s", req.Header.Get("X-Seen"), req.Header.Get("Expect"), body)
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text); err != nil {
			return
		}
	}
}

func holding(t *testing.T, lines ...string) *config.Proxy {
	cfg := &config.Proxy{Timeouts: config.Timeouts{HTTPRequest: time.Minute}}
	for _, line := range lines {
		cfg.HTTPRequest = append(cfg.HTTPRequest, action(t, line))
	}
	return cfg
}

func TestABodyIsKeptBeforeTheRulesGoOn(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n"
	seen := "set-header X-Seen %[req.body]:%[req.body_len]:%[req.body_size]:%[req.body_param(b)]"
	for name, tt := range map[string]struct {
		buffer bool
		rules  []string
		pieces []string
		want   string
	}{
		"option http-buffer-request waits in front of all rules": {true, []string{seen},
			[]string{post + "\r\na=1", "&b=2345"}, "seen=a=1&b=2345:10:10:2345 expect=\na=1&b=2345"},
		"wait-for-body waits in its place": {false, []string{"set-header X-Seen early", "wait-for-body time 10s", "add-header X-Seen no if FALSE", seen},
			[]string{post + "\r\na=1", "&b=2345"}, "seen=a=1&b=2345:10:10:2345 expect=\na=1&b=2345"},
		"at-least ends it early, and the rest follows": {false, []string{"wait-for-body time 10s at-least 3", "set-header X-Seen %[req.body,bytes(0,3)]"},
			[]string{post + "\r\na=1", "&b=2345"}, "seen=a=1 expect=\na=1&b=2345"},
		"chunks are kept without their framing": {true, []string{seen},
			[]string{"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n", "4;x=y\r\n&b=2\r\n", "0\r\n\r\n"},
			"seen=a=1&b=2:7:7:2 expect=\na=1&b=2"},
		"two waits are one if all is there": {true, []string{"wait-for-body time 10s", seen}, []string{post + "\r\na=1", "&b=2345"},
			"seen=a=1&b=2345:10:10:2345 expect=\na=1&b=2345"},
		"a request without a body does not wait": {true, []string{"wait-for-body time 10s", seen}, []string{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
			"seen=:0:0: expect=\n"},
		"a 100 is answered here": {true, []string{seen}, []string{post + "Expect: 100-continue\r\n\r\n", "a=1&b=2345"},
			"seen=a=1&b=2345:10:10:2345 expect=\na=1&b=2345"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := holding(t, tt.rules...)
			cfg.BufferRequest = tt.buffer
			p := start(t, cfg, 1, serve(t, mirror))
			c, r := dial(t, p.addr)
			for i, piece := range tt.pieces {
				if _, err := io.WriteString(c, piece); err != nil {
					t.Fatal(err)
				}
				if i == 0 && strings.Contains(piece, "100-continue") {
					if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 100 ") {
						t.Fatalf("got %q, %v instead of a 100", h, err)
					}
				}
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestABodyLargerThanTheBufferGoesOn(t *testing.T) {
	cfg := holding(t, "set-header X-Seen %[req.body_len]")
	cfg.BufferRequest, cfg.Reuse = true, config.ReuseAlways
	p := start(t, cfg, 1, serve(t, mirror))
	body := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	for _, n := range []int{1, 5000, 16 << 10, 16<<10 + 1, 70000, len(body)} {
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
			_ = res.Body.Close()
			_, after, _ := bytes.Cut(got, []byte("\n"))
			if err != nil || !bytes.Equal(after, body[:n]) {
				t.Errorf("%d bytes, chunked %v: got %d bytes back, %v", n, chunked, len(after), err)
			}
			if want := fmt.Sprintf("seen=%d ", min(n, 16<<10)); !bytes.HasPrefix(got, []byte(want)) {
				t.Errorf("%d bytes, chunked %v: %q, want %q", n, chunked, got[:20], want)
			}
		}
	}
}

// rest is all that a client reads that has said so much and no more.
func rest(t *testing.T, p *proxy, said string) string {
	t.Helper()
	_, r := beforehand(t, p, said)
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

func TestABodyThatDoesNotComeIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ request, want string }{
		"in time":      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 408 "},
		"as it should": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", "HTTP/1.1 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, holding(t, "wait-for-body time 30ms"), 1, serve(t, mirror))
			if got := rest(t, p, tt.request); !strings.HasPrefix(got, tt.want) || !strings.Contains(got, "onnection: close") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestABodyIsNotWaitedForLongerThanItsClientMayBeSilent(t *testing.T) {
	cfg := holding(t)
	cfg.BufferRequest, cfg.Timeouts = true, config.Timeouts{Client: 30 * time.Millisecond}
	p := start(t, cfg, 1, serve(t, mirror))
	if got := rest(t, p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"); !strings.HasPrefix(got, "HTTP/1.1 408 ") {
		t.Errorf("got %q", got)
	}
}

func TestATarpitAnswersLate(t *testing.T) {
	cfg := holding(t, "tarpit deny_status 429 content-type text/plain lf-string %[path]")
	cfg.Timeouts.Tarpit = 60 * time.Millisecond
	p := start(t, cfg, 1, serve(t, mirror))
	began := time.Now()
	got := talk(t, p.addr, "GET /pit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 429 ") || !strings.HasSuffix(got, "/pit") {
		t.Errorf("got %q", got)
	}
	if d := time.Since(began); d < cfg.Timeouts.Tarpit {
		t.Errorf("answered after %v", d)
	}
}

func TestEarlyHintsComeFirst(t *testing.T) {
	p := start(t, holding(t, "early-hint Link </a.css>", "early-hint X-Hint %[path]"), 1, serve(t, always(hello)))
	got := talk(t, p.addr, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if want := "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nX-Hint: /x\r\n\r\nHTTP/1.1 200 "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	if got = talk(t, p.addr, "GET /x HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("a client of HTTP/1.0 got %q", got)
	}
}
