package metrics

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A server does what a request's path says:
//
//	/s/404     answers with that status, and keeps the connection
//	/wait      answers when it is let go
//	/close     ends the connection before its reply
//	/cut       ends it within its reply
//	/stall     stands still within it
//	/early     says 103 before its reply
//	/junk      answers what is no HTTP
//	/never     answers nothing
//	/ws        switches to a WebSocket and echoes
type server struct {
	ln    net.Listener
	addr  string
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
	asked int               // requests for /wait; guarded by mu
	free  chan struct{}     // lets one of them go
}

// serve starts a server; a raw one echoes whatever comes.
func serve(t *testing.T, raw bool) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ln: ln, addr: ln.Addr().String(), conns: map[net.Conn]bool{}, free: make(chan struct{})}
	s.wg.Go(func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[c] = true
			s.mu.Unlock()
			s.wg.Go(func() { // ends with the connection
				defer c.Close()
				if raw {
					_, _ = io.Copy(c, c)
					return
				}
				for r := bufio.NewReader(c); s.answer(c, r); {
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

// answer serves one request and says whether another may follow.
func (s *server) answer(c net.Conn, r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, req.Body)
	reply := func(status int, body string) bool {
		if req.Method == http.MethodHead {
			fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n", status, len(body))
			return true
		}
		_, err := fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		return err == nil
	}
	switch path := req.URL.Path; {
	case strings.HasPrefix(path, "/s/"):
		status, _ := strconv.Atoi(path[3:])
		if status == 304 || status == 204 {
			return reply(status, "")
		}
		return reply(status, "hello")
	case path == "/wait":
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
		<-s.free
		return reply(200, "late")
	case path == "/cut":
		_, _ = io.WriteString(c, "HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\nhalf of it")
	case path == "/stall":
		_, _ = io.WriteString(c, "HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\nhalf of it")
		_, _ = r.ReadByte()
	case path == "/early":
		_, _ = io.WriteString(c, "HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n")
		return reply(200, "hello")
	case path == "/junk":
		_, _ = io.WriteString(c, "this is no HTTP\r\n\r\n")
	case path == "/never":
		_, _ = r.ReadByte()
	case path == "/ws":
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		_, _ = io.Copy(c, r)
	}
	return false
}

// waiting is how many requests for /wait have come.
func (s *server) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// nobody is an address that refuses: its port stays taken by a socket that never
// listens.
func nobody(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	t.Cleanup(func() { c.Close(); s.Close() })
	return addr
}
