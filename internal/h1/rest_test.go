package h1_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bascule/internal/backend"
)

// saying is a server that reads a request, says so much and ends its connection.
func saying(reply string) script {
	return func(r *bufio.Reader, c net.Conn) {
		if _, err := head(r); err == nil {
			_, _ = io.WriteString(c, reply)
		}
	}
}

// asked sends one request without a body and reads what comes until the end.
func asked(t *testing.T, p *proxy, method string) string {
	t.Helper()
	return talk(t, p.addr, method+" / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

func TestAReplyThatBreaksOff(t *testing.T) {
	const large = 64 << 10
	half := strings.Repeat("x", large/2)
	tests := map[string]struct{ reply, want string }{
		"in a head":                      {"HTTP/1.1 200 OK\r\nContent-Le", "hello"},
		"in a short body":                {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel", "hello"},
		"in front of a short body":       {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "hello"},
		"in a body that fits":            {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 16<<10-100, half[:16000]), "hello"},
		"behind an interim one":          {"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel", "hello"},
		"in a body that is too long":     {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", large, half), "cut"},
		"in chunks":                      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", "cut"},
		"in chunks in front of the last": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n", "cut"},
		"and ends with the connection":   {"HTTP/1.1 200 OK\r\n\r\nhel", "whole: hel"},
		"and has no body: 204":           {"HTTP/1.1 204 No Content\r\n\r\n", "whole: "},
		"and has no body: 304":           {"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", "whole: "},
		"and has a body of no bytes":     {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "whole: "},
	}
	for name, tt := range tests {
		for _, how := range []string{"by an end", "by a reset"} {
			if how == "by a reset" && strings.HasPrefix(tt.want, "whole") {
				continue // a reset may destroy what came before it
			}
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				p := start(t, moving(), 1, dying(t, func(r *bufio.Reader, c net.Conn) {
					saying(tt.reply)(r, c)
					if how == "by a reset" {
						reset(c)
					}
				}, always(hello))...)
				c, r := dial(t, p.addr)
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				res, _, err := final(r, "GET")
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(res.Body)
				got := string(b)
				switch {
				case err != nil:
					got = "cut"
				case p.be.Counters.Sum(backend.Connects) == 1:
					got = "whole: " + got
				}
				if got != tt.want {
					t.Errorf("got %s %q, %v; want %q", res.Status, got, err, tt.want)
				}
				_ = c.Close()
				nothingKept(t, p)
			})
		}
	}
}

func TestTheHeadOfAReplyToHEADIsTheWholeReply(t *testing.T) {
	p := start(t, moving(), 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		if _, err := head(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			_, _ = head(r) // the connection stays open: nothing more comes
		}
	}))
	if got := asked(t, p, "HEAD"); !strings.HasPrefix(got, "HTTP/1.1 200 ") || p.be.Counters.Sum(backend.Connects) != 1 {
		t.Errorf("got %q over %d connections", got, p.be.Counters.Sum(backend.Connects))
	}
}

func TestAShortReplyThatIsSlowGoesOn(t *testing.T) {
	for name, end := range map[string]string{"and is whole in the end": "lo", "and breaks off": ""} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			p := start(t, moving(), 1, serve(t, func(r *bufio.Reader, c net.Conn) {
				if _, err := head(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
				<-seen
				_, _ = io.WriteString(c, end)
			}))
			c, r := dial(t, p.addr)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			var part [3]byte
			if _, err := io.ReadFull(res.Body, part[:]); err != nil || string(part[:]) != "hel" {
				t.Fatalf("read %q, %v", part, err)
			}
			close(seen)
			rest, err := io.ReadAll(res.Body)
			if whole := err == nil; string(rest) != end || whole != (end != "") {
				t.Errorf("then %q, %v", rest, err)
			}
			_ = c.Close()
			nothingKept(t, p)
		})
	}
}

func TestAShortReplyInPiecesIsOneForItsClient(t *testing.T) {
	turns := make(chan func(), 1)
	p := start(t, moving(), 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		turn := <-turns
		for {
			if _, err := head(r); err != nil {
				return
			}
			for piece := range strings.SplitAfterSeq(hello, "\n") {
				_, _ = io.WriteString(c, piece)
				turn()
			}
		}
	}))
	turns <- func() { turn(p.loops[0]) }
	c, r := dial(t, p.addr)
	for range 20 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); string(b) != "hello" || err != nil {
			t.Fatalf("read %q, %v", b, err)
		}
	}
	if n := p.be.Counters.Sum(backend.Connects); n != 1 {
		t.Errorf("%d connections to the server", n)
	}
	_ = c.Close()
	nothingKept(t, p)
}
