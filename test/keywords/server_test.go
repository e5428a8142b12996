package keywords

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
	"time"
)

// A server records what it is sent, byte for byte, and answers with its name.
// Parts of the path tell it what else to do:
//
//	/status/N  answers with that status
//	/slow      answers when the row says so, or never
//	/drop      closes without an answer
//	/big       answers with a megabyte
type server struct {
	name string
	addr string
	l    net.Listener

	mu      sync.Mutex
	heads   []string // as they came, bodies behind them; guarded by mu, as is what follows
	conns   int
	banner  string // sent first, as mail servers do
	refuses bool   // checks get 503
	fields  string // further fields of the reply
	open    map[net.Conn]bool
	slow    chan struct{}
}

func serve(t *testing.T, name string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{name: name, addr: l.Addr().String(), l: l, open: map[net.Conn]bool{}, slow: make(chan struct{})}
	s.accept(t, l)
	t.Cleanup(s.stop)
	return s
}

// accept serves a listener until the test ends.
func (s *server) accept(t *testing.T, l net.Listener) {
	t.Cleanup(func() { l.Close() })
	go func() { // ends when the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			s.open[c] = true
			s.mu.Unlock()
			go s.talk(c) // ends when the connection is closed
		}
	}()
}

func (s *server) stop() {
	s.l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
}

func (s *server) talk(c net.Conn) {
	defer c.Close()
	s.mu.Lock()
	banner := s.banner
	s.mu.Unlock()
	if banner != "" {
		s.mail(c, banner)
		return
	}
	var raw strings.Builder
	in := bufio.NewReader(io.TeeReader(c, &raw))
	for {
		if p, err := in.Peek(1); err == nil && (p[0] == 0x0d || p[0] == 'P') {
			skipProxyHeader(in)
		}
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.heads = append(s.heads, raw.String())
		s.mu.Unlock()
		raw.Reset()
		if !s.reply(c, req, len(body)) {
			return
		}
	}
}

// skipProxyHeader passes over a header of the PROXY protocol, of both versions;
// it is kept with the request behind it.
func skipProxyHeader(in *bufio.Reader) {
	if p, err := in.Peek(16); err == nil && string(p[:5]) == "\r\n\r\n\x00" {
		_, _ = in.Discard(16 + int(p[14])<<8 + int(p[15]))
	} else if p, err := in.Peek(6); err == nil && string(p) == "PROXY " {
		_, _ = in.ReadString('\n')
	}
}

// mail speaks as much SMTP as a check asks for.
func (s *server) mail(c net.Conn, banner string) {
	_, _ = io.WriteString(c, banner)
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		s.heads = append(s.heads, line)
		s.mu.Unlock()
		if strings.HasPrefix(line, "QUIT") {
			_, _ = io.WriteString(c, "221 bye\r\n")
			return
		}
		_, _ = io.WriteString(c, "250 hello\r\n")
	}
}

// bigSize is the body of /big.
const bigSize = 1 << 20

func (s *server) reply(c net.Conn, req *http.Request, received int) (more bool) {
	status, body := 200, s.name
	path := req.URL.Path
	s.mu.Lock()
	fields, refuses := s.fields, s.refuses
	s.mu.Unlock()
	switch {
	case strings.Contains(path, "/drop"):
		return false
	case strings.Contains(path, "/slow"):
		select {
		case <-s.slow:
		case <-time.After(patience):
			return false
		}
	case strings.Contains(path, "/big"):
		body = strings.Repeat("b", bigSize)
	case strings.Contains(path, "/status/"):
		_, number, _ := strings.Cut(path, "/status/")
		status, _ = strconv.Atoi(number)
	case strings.Contains(path, "/check") && refuses:
		status = 503
	}
	if req.Method == http.MethodHead {
		body = ""
	}
	_, err := fmt.Fprintf(c, "HTTP/1.1 %d Fine\r\nServer: %s\r\nX-Received: %d\r\n%sContent-Length: %d\r\n\r\n%s",
		status, s.name, received, fields, len(body), body)
	return err == nil
}

func (s *server) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heads...)
}

func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}
