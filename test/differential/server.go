package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// A recorder keeps what the servers of one proxy received.
type recorder struct {
	mu    sync.Mutex
	taken []string // guarded by mu
	conns map[net.Conn]bool
	lns   []net.Listener
	wg    sync.WaitGroup
}

// take returns what was received since the last call.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.taken
	r.taken = nil
	return t
}

func (r *recorder) keep(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, s)
}

// serve starts a server and returns its address; close ends it.
func (r *recorder) serve(name string) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	r.lns = append(r.lns, ln)
	r.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			if r.conns == nil {
				r.conns = map[net.Conn]bool{}
			}
			r.conns[c] = true
			r.mu.Unlock()
			r.wg.Go(func() {
				r.talk(name, c)
				_ = c.Close()
				r.mu.Lock()
				delete(r.conns, c)
				r.mu.Unlock()
			})
		}
	})
	return ln.Addr().String(), nil
}

func (r *recorder) close() {
	for _, ln := range r.lns {
		_ = ln.Close()
	}
	r.mu.Lock()
	for c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

// talk answers the requests of one connection as each asks for in its target.
func (r *recorder) talk(name string, c net.Conn) {
	in := bufio.NewReader(c)
	for {
		head, err := readHead(in)
		if err != nil {
			return
		}
		method, _, _ := strings.Cut(head, " ")
		d := readDeed(head)
		if value(head, "expect") != "" {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		body, err := requestBody(head, in)
		if err != nil {
			return // a client that was refused, or left: what it did not send is no difference
		}
		r.keep(name + ": " + plainHead(head) + body)
		if !d.answer(c, method, name) {
			return
		}
	}
}

// requestBody reads the request's body and says what it was.
func requestBody(head string, in *bufio.Reader) (string, error) {
	if strings.EqualFold(value(head, "transfer-encoding"), "chunked") {
		p, trailers, err := readChunked(in)
		return fmt.Sprintf("\n[%d %x] %s", len(p), sum(p), trailers), err
	}
	n, err := strconv.Atoi(value(head, "content-length"))
	if err != nil || n == 0 {
		return "", nil // no length: no body
	}
	p := make([]byte, n)
	_, err = io.ReadFull(in, p)
	return fmt.Sprintf("\n[%d %x]", len(p), sum(p)), err
}

// A deed is what a request asks the server to do.
type deed struct {
	status, size  int
	framing, more string
}

func (d deed) has(letter byte) bool { return strings.IndexByte(d.more, letter) >= 0 }

func readDeed(head string) deed {
	d := deed{status: 200, framing: "length", size: 2}
	_, text, ok := strings.Cut(head, "do=")
	if !ok {
		return d
	}
	if i := strings.IndexAny(text, "& "); i >= 0 {
		text = text[:i]
	}
	f := strings.Split(text, ".")
	if len(f) == 4 {
		d.status, _ = strconv.Atoi(f[0])
		d.framing, d.more = f[1], f[3]
		d.size, _ = strconv.Atoi(f[2])
	}
	return d
}

// answer sends the reply and says whether the connection goes on.
func (d deed) answer(c net.Conn, method, name string) bool {
	switch {
	case d.has('n'):
		return false
	case d.has('g'):
		_, _ = io.WriteString(c, "nonsense\r\n\r\n")
		return false
	}
	var b strings.Builder
	if d.has('h') {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
	}
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nX-Srv: %s\r\nContent-Type: text/x-%d\r\nX-Secret: s\r\n", d.status, http.StatusText(d.status), name, d.size)
	if d.has('k') {
		b.WriteString("Set-Cookie: SRV=forged\r\nSet-Cookie: a=1; Path=/\r\n")
	}
	if d.has('v') {
		b.WriteString("Cache-Control: public, max-age=5\r\nX-Latin: caf\xe9\r\nX-Blank:  \r\n")
	}
	if d.has('w') {
		b.WriteString("Connection: close\r\n")
	}
	if d.has('l') {
		b.WriteString("Content-Length: 7\r\nContent-Length: 8\r\n")
	}
	body := strings.Repeat("abcdefghij", d.size/10+1)[:d.size]
	bare := d.status == 204 || d.status == 304 || method == "HEAD"
	ends := false
	switch {
	case d.status == 204:
		b.WriteString("\r\n")
	case d.framing == "length":
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", d.size)
	case d.framing == "chunked":
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	default:
		b.WriteString("\r\n")
		ends = !bare
	}
	if bare {
		_, err := io.WriteString(c, b.String())
		return err == nil && !d.has('w')
	}
	if d.framing == "chunked" {
		body = chunks(body, d.has('t'))
	}
	if d.has('x') && len(body) > 1 && !ends {
		body, ends = body[:len(body)/2], true
	}
	_, err := io.WriteString(c, b.String()+body)
	return err == nil && !ends && !d.has('w')
}

func chunks(body string, trailers bool) string {
	var b strings.Builder
	for n := 7; len(body) > 0; n *= 5 {
		k := min(n, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", k, body[:k])
		body = body[k:]
	}
	b.WriteString("0\r\n")
	if trailers {
		b.WriteString("X-Sum: 2\r\n")
	}
	return b.String() + "\r\n"
}
