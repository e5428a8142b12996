package h1_test

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
)

// large is a body far above what is spliced.
func large(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(p)
	return p
}

func TestLargeBodiesPassWholeAndKeepTheConnections(t *testing.T) {
	const size = 5<<20 + 12345
	body := large(size)
	conns := make(chan struct{}, 10)
	p := start(t, &config.Proxy{}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		conns <- struct{}{}
		for {
			h, err := head(r)
			if err != nil {
				return
			}
			req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(h + "\r\n")))
			if err != nil {
				return
			}
			sum := sha256.New()
			_, _ = io.CopyN(sum, r, req.ContentLength)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Sum: %x\r\n\r\n", size, sum.Sum(nil))
			_, _ = c.Write(body)
		}
	}))
	c, r := dial(t, p.addr)
	want := fmt.Sprintf("%x", sha256.Sum256(body))
	for i := range 3 {
		go func() { // ends when the body is written, or the test closes the connection
			fmt.Fprintf(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
			_, _ = c.Write(body)
		}()
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("X-Sum"); got != want {
			t.Errorf("request %d: the server read other bytes than were sent", i)
		}
		got := sha256.New()
		if n, err := io.Copy(got, res.Body); err != nil || fmt.Sprintf("%x", got.Sum(nil)) != want {
			t.Fatalf("request %d: %d of %d bytes, %v", i, n, size, err)
		}
	}
	if n := len(conns); n != 1 {
		t.Errorf("%d connections to the server, want 1: it was not kept", n)
	}
}

func TestALargeReplyThatBreaksOffIsCut(t *testing.T) {
	p := start(t, &config.Proxy{}, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
		_, _ = c.Write(large(1 << 20))
	}))
	c, r := dial(t, p.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || n != 1<<20 {
		t.Errorf("%d bytes, %v; want what the server sent and an early end", n, err)
	}
}

func TestAClientThatStopsReadingALargeReplyIsLate(t *testing.T) {
	cfg := &config.Proxy{Timeouts: config.Timeouts{Connect: time.Minute, Client: 300 * time.Millisecond, Server: time.Minute}}
	gone := make(chan struct{})
	p := start(t, cfg, 1, serve(t, func(r *bufio.Reader, c net.Conn) {
		_, _ = head(r)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(64<<20)+"\r\n\r\n")
		_, err := c.Write(large(64 << 20))
		if err != nil {
			close(gone)
		}
	}))
	beforehand(t, p, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-gone // the server's connection is closed, not waited for
}
