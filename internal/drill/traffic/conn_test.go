package traffic

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
	"bascule/internal/wire"
)

// scripted answers each request on a connection with the next text, and closes the
// connection behind the last. It counts the requests that it got.
func scripted(t *testing.T, answers ...string) (site Site, got *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return Site{URL: "http://" + ln.Addr().String()}, serve(t, ln, answers)
}

// scriptedTLS is scripted over TLS.
func scriptedTLS(t *testing.T, answers ...string) (site Site, got *atomic.Int32) {
	t.Helper()
	made := certtest.New(t)
	pair, err := tls.X509KeyPair(made.ECDSA("site.test"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	site = Site{URL: "https://" + ln.Addr().String(), TLS: &tls.Config{RootCAs: made.Pool(), ServerName: "site.test"}}
	return site, serve(t, ln, answers)
}

func serve(t *testing.T, ln net.Listener, answers []string) (got *atomic.Int32) {
	got = new(atomic.Int32)
	done := make(chan struct{})
	// Ends when the listener is closed.
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			read := bufio.NewReader(c)
			for _, answer := range answers {
				req, err := http.ReadRequest(read)
				if err != nil {
					break
				}
				got.Add(1)
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(c, answer)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return got
}

func ask(c *conn, method wire.Method) (answer, error) {
	var a answer
	err := c.do([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), nil, method, time.Now().Add(time.Minute), &a)
	return a, err
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		name, reply string
		begun       bool
		size        int64
		fails       string // "" for a whole reply
	}{
		{"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, 5, ""},
		{"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", true, 5, ""},
		{"until the end of the connection", "HTTP/1.1 200 OK\r\n\r\nhello", true, 5, ""},
		{"after an interim one", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, 5, ""},
		{"cut within a length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true, 5, "unexpected EOF"},
		{"cut within chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, 5, "unexpected EOF"},
		{"cut within the head", "HTTP/1.1 200 OK\r\nContent-Le", true, 0, "unexpected EOF"},
		{"garbage", "\x00\x01\x02 garbage\r\n\r\n", true, 0, "no HTTP"},
		{"nothing", "", false, 0, "unexpected EOF"},
		{"an interim one and nothing", "HTTP/1.1 103 Early Hints\r\n\r\n", false, 0, "unexpected EOF"},
		{"bytes behind it", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", true, 2, "3 bytes behind the reply"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site, _ := scripted(t, tt.reply)
			c := conn{site: site}
			defer c.close()
			a, err := ask(&c, wire.MethodGet)
			if tt.fails == "" && err != nil || tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if a.begun != tt.begun || a.size != tt.size {
				t.Errorf("begun %v with %d bytes, want %v with %d", a.begun, a.size, tt.begun, tt.size)
			}
		})
	}
}

func TestALargeReplyIsReadThroughTheBuffer(t *testing.T) {
	body := strings.Repeat("0123456789", 10*bufferSize/10)
	site, _ := scripted(t, "HTTP/1.1 200 OK\r\nContent-Length: "+"163840\r\n\r\n"+body)
	c := conn{site: site}
	defer c.close()
	if a, err := ask(&c, wire.MethodGet); err != nil || a.size != int64(len(body)) {
		t.Errorf("%d bytes, %v; want %d", a.size, err, len(body))
	}
}

// A connection that carried a request and then ends on the next one is where clients
// repeat requests by themselves; this one must not.
func TestARequestIsNeverSentAgain(t *testing.T) {
	site, got := scripted(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "")
	c := conn{site: site}
	defer c.close()
	if _, err := ask(&c, wire.MethodGet); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(&c, wire.MethodGet); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	if n := got.Load(); n != 2 {
		t.Errorf("the server got %d requests for 2 that were sent", n)
	}
}

func TestAConnectionClosedMeanwhileIsReplaced(t *testing.T) {
	for name, script := range map[string]func(*testing.T, ...string) (Site, *atomic.Int32){"in clear": scripted, "over TLS": scriptedTLS} {
		t.Run(name, func(t *testing.T) { closedMeanwhile(t, script) })
	}
}

func closedMeanwhile(t *testing.T, script func(*testing.T, ...string) (Site, *atomic.Int32)) {
	site, got := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	c := conn{site: site}
	defer c.close()
	for range 2 {
		if _, err := ask(&c, wire.MethodGet); err != nil {
			t.Fatal(err)
		}
		for limit := time.Now().Add(time.Minute); Quiet(c.net) && time.Now().Before(limit); {
		}
	}
	if n := got.Load(); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
}
