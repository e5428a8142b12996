package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// webSocketKey is the key of RFC 6455's own example.
const webSocketKey = "dGhlIHNhbXBsZSBub25jZQ=="

// server is one of the two servers behind the proxy: the same answer to every
// request, an echo after an upgrade.
type server struct {
	fd       int
	port     int
	answer   []byte
	switched []byte // the 101 answer
}

func newServer(body int) (*server, error) {
	fd, port, err := listen()
	if err != nil {
		return nil, err
	}
	// RFC 6455 section 4.2.2: the key and this UUID, hashed.
	sum := sha1.Sum([]byte(webSocketKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return &server{
		fd: fd, port: port,
		answer: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
			body, bytes.Repeat([]byte("x"), body)),
		switched: []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"),
	}, nil
}

func (s *server) ready(l *loop, _ uint32) {
	for {
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		noDelay(fd)
		// A whole answer fits, so that short writes stay rare. For larger ones the
		// kernel finds a better size than one may ask for.
		if len(s.answer) <= 64<<10 {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 256<<10)
		}
		if l.add(fd, unix.EPOLLIN, &serverConn{server: s, fd: fd}) != nil {
			unix.Close(fd)
		}
	}
}

// serverConn is a connection that the proxy opened.
type serverConn struct {
	server *server
	fd     int
	echo   bool
	last   bool   // close after the answer
	upload int    // bytes of a request's body still to come; its end is answered
	kept   []byte // an incomplete request or frame
	out    []byte // what a short write left
}

func (c *serverConn) ready(l *loop, events uint32) {
	if events&unix.EPOLLOUT != 0 {
		out := c.out
		c.out = nil
		l.change(c.fd, unix.EPOLLIN)
		c.send(l, out)
		return
	}
	n, errno := recv(c.fd, l.scratch)
	if errno == unix.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		c.close(l)
		return
	}
	p := l.scratch[:n]
	if len(c.kept) > 0 {
		c.kept = append(c.kept, p...)
		p = c.kept
	}
	for len(p) > 0 && c.fd >= 0 {
		if c.upload > 0 {
			took := min(c.upload, len(p))
			p = p[took:]
			if c.upload -= took; c.upload == 0 {
				c.send(l, c.server.answer)
			}
			continue
		}
		rest, whole := c.take(l, p)
		if !whole {
			break
		}
		p = rest
	}
	c.kept = append(c.kept[:0], p...)
}

// take serves one request or one frame at the head of p.
func (c *serverConn) take(l *loop, p []byte) (rest []byte, whole bool) {
	if c.echo {
		f, whole := parseFrame(p)
		if !whole {
			return p, false
		}
		end := f.head + f.payload
		var room [128]byte
		payload := append(room[2:2], p[f.head:end]...)
		for i := range payload {
			payload[i] ^= f.mask[i&3]
		}
		room[0], room[1] = p[0], byte(f.payload)
		c.send(l, room[:2+f.payload])
		return p[end:], true
	}
	end := bytes.Index(p, headEnd)
	if end < 0 {
		return p, false
	}
	head := p[:end+len(headEnd)]
	if bytes.HasPrefix(head, []byte("POST ")) {
		c.upload = uploadOf(head)
		return p[len(head):], true
	}
	// Checks come in HTTP/1.0 and end with their answer.
	c.last = bytes.Contains(head, []byte(" HTTP/1.0\r\n"))
	if bytes.HasPrefix(head, []byte("GET /chat ")) {
		c.echo = true
		c.send(l, c.server.switched)
	} else {
		c.send(l, c.server.answer)
	}
	if c.last && c.out == nil {
		c.close(l)
	}
	return p[len(head):], true
}

// uploadOf is what a request says of its body; 0 without a Content-Length.
func uploadOf(head []byte) (n int) {
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			n, _ = strconv.Atoi(string(bytes.TrimSpace(value))) // the bench's own number
		}
	}
	return n
}

func (c *serverConn) send(l *loop, p []byte) {
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return
	}
	n, errno := send(c.fd, p)
	if errno != 0 && errno != unix.EAGAIN {
		c.close(l)
		return
	}
	if n < len(p) {
		if len(p) > len(l.scratch) {
			c.out = p[n:len(p):len(p)] // a large answer never changes: no copy
		} else {
			c.out = append(c.out, p[n:]...)
		}
		l.change(c.fd, unix.EPOLLOUT)
	} else if c.last {
		c.close(l)
	}
}

func (c *serverConn) close(l *loop) {
	if c.fd >= 0 {
		l.drop(c.fd)
		c.fd = -1
	}
}

// logReader counts the log lines that arrive as datagrams.
type logReader struct {
	fd, port int
	lines    atomic.Uint64
}

func newLogReader() (*logReader, error) {
	fd, port, err := bound(unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	// Room for bursts: the reader shares its core with the load. The forced form
	// needs root; the other stops at net.core.rmem_max.
	const room = 32 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	return &logReader{fd: fd, port: port}, nil
}

func (r *logReader) ready(l *loop, _ uint32) {
	for {
		n, errno := recv(r.fd, l.scratch)
		if errno != 0 || n == 0 {
			return
		}
		r.lines.Add(1)
	}
}
