package real

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// smuggled stands behind every hostile request: if it is ever read as a
// request, here or by the server, its path is seen.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// hostile are requests that are answered with 400 at once, whatever follows.
var hostile = []struct{ name, request string }{
	{"a length and chunks", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunks and a length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"},
	{"two lengths that differ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n"},
	{"two lengths in one field", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 40\r\n\r\n"},
	{"a length below zero", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
	{"a length with a plus", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n"},
	{"a length in hex", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n"},
	{"a length with words", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0 0\r\n\r\n"},
	{"a length of nothing", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
	{"a length beyond counting", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"},
	{"a space before the colon of the length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"},
	{"a tab before the colon of the coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"},
	{"an unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
	{"identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
	{"chunked twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunked below another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"},
	{"chunked in quotes", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
	{"chunked behind a vertical tab", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"},
	{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"a coding on a folded line", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
	{"a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"},
	{"a fold before the first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
	{"a bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rContent-Length: 5\r\n\r\n"},
	{"a NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\x002\r\n\r\n"},
	{"a NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\x00: 1\r\n\r\n"},
	{"a header without a colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"},
	{"a header without a name", "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"},
	{"a space in a name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n"},
	{"a name of UTF-8", "GET / HTTP/1.1\r\nHost: a\r\n\xe2\x80\x8bContent-Length: 5\r\n\r\n"},
	{"no host", "GET / HTTP/1.1\r\nX: 1\r\n\r\n"},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	{"a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{"a host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
	{"a host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
	{"another host than the target's", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"no version", "GET /\r\n\r\n"},
	{"a version of its own", "GET / HTTP/1.11\r\nHost: a\r\n\r\n"},
	{"HTTP/2 in words", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
	{"a version in small letters", "GET / http/1.1\r\nHost: a\r\n\r\n"},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a method with a bracket", "GE[T / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"a handshake of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 40) + "\r\n\r\n"},
	{"a bare LF behind a bare CR", "GET / HTTP/1.1\r\nHost: a\r\n\r\rX: 1\r\n\r\n"},
	{"more headers than there may be", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", 5000) + "\r\n"},
	{"a header without an end", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 1<<20)},
	{"a target without an end", "GET /" + strings.Repeat("x", 1<<20)},
	{"a chunk size with a sign", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\n"},
	{"a chunk size with 0x", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n"},
	{"a chunk size with a space in front", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 0\r\n\r\n"},
	{"a chunk size beyond counting", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"},
	{"no chunk size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"},
	{"a chunk longer than it says", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"},
	{"a chunk that ends with LF alone", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n"},
	{"a bare LF in an extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;x\ny\r\n\r\n"},
	{"a trailer that is no header", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX Y\r\n\r\n"},
}

// TestHostileRequests sends each to the real listener, with a request behind
// it, after a good one on the same connection as well as alone.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	seen := &sightings{}
	srv := server(t, seen)
	site, socket := address()+":8000", runDir(t)+"/s"
	start(t, bascule, "-f", config(t, plainConfig, "SITE", site, "SOCKET", socket, "NAME", "s1", "SERVER", srv))
	serving(t, socket)
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			provoke(t, site, false, h.request)
			provoke(t, site, true, h.request)
		})
	}
	if n := seen.of("/smuggled"); n > 0 {
		t.Errorf("%d smuggled requests reached the server", n)
	}
	if n := seen.of("/good"); n != len(hostile) {
		t.Errorf("%d good requests reached the server, want %d", n, len(hostile))
	}
	mustGet(t, "http://"+site+"/good", 200)
	await(t, "the end of all sessions", func() bool { return stat(t, socket)["fe/FRONTEND"]["scur"] == "0" })
}

// provoke sends the request and what is behind it, on a new connection or a kept
// one, and wants a 400 and the end of the connection.
func provoke(t *testing.T, site string, kept bool, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", site)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c := &persistent{conn, bufio.NewReader(conn)}
	if kept {
		if got, err := c.tryGet("/good"); err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	// The balancer may answer and close before it has read everything.
	_, _ = io.WriteString(conn, request+smuggled)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Errorf("no reply: %v", err)
		return
	}
	body, _ := io.ReadAll(resp.Body) // its end is what is looked at below
	if resp.StatusCode != http.StatusBadRequest || !resp.Close {
		t.Errorf("status %d, close %v, want 400 and the connection's last; %q", resp.StatusCode, resp.Close, body)
	}
	if rest, _ := io.ReadAll(c.in); len(rest) > 0 { // a reset ends it as well
		t.Errorf("behind the reply comes %q", rest)
	}
}

// sightings counts requests by path.
type sightings struct {
	mu   sync.Mutex
	seen map[string]int // guarded by mu
}

func (s *sightings) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a body may break off
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[r.URL.Path]++
	fmt.Fprint(w, "ok")
}

func (s *sightings) of(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[path]
}
