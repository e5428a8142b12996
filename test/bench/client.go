package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// opening is how many connections are on their way at once, so that no proxy's
// accept queue overflows and costs a second for a repeated SYN.
const opening = 32

// load keeps conns connections busy: each sends, waits for its answer and, while
// the load is on, sends again. It belongs to the loop's thread but for what is atomic.
type load struct {
	row   row
	tls   *tls.Config // nil: in clear
	port  int         // of the proxy
	want  int         // body bytes that every answer must have
	asks  [][]byte
	asked int       // requests sent so far
	chat  []byte    // the client's WebSocket frame
	begun int       // connections opened so far
	on    bool      // answers are followed by requests
	quiet []*client // those that have had their answer while the load was off
	pace  pace

	up   atomic.Int64  // connections that have had their first answer
	done atomic.Uint64 // answers
	bad  atomic.Uint64 // answers that were wrong, and connections that broke
	what atomic.Value  // string: the first thing that was wrong
}

func newLoad(r row, port int) *load {
	ld := &load{row: r, port: port, want: r.body, pace: pace{rate: r.rate}}
	rest := " HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
	if r.closing {
		rest += "Connection: close\r\n"
	}
	if r.key != "" {
		ld.tls = clientTLS(r.resumed)
	}
	ld.asks = [][]byte{[]byte("GET /api/v1/items?page=2" + rest + "\r\n")}
	for n := range r.uris {
		if n == 0 {
			ld.asks = nil
		}
		// A step that has no common factor with the number visits all in a mixed order.
		k := n * 7919 % r.uris
		ld.asks = append(ld.asks, fmt.Appendf(nil, "GET /hls/track-%d/seg-%d.ts%s\r\n", k/10, k%10, rest))
	}
	if r.upload > 0 {
		ld.asks = [][]byte{fmt.Appendf(nil, "POST /upload%sContent-Length: %d\r\n\r\n", rest, r.upload)}
	}
	if r.webSocket {
		ld.asks = [][]byte{[]byte("GET /chat HTTP/1.1\r\nHost: bench.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + webSocketKey + "\r\n\r\n")}
		ld.chat = appendFrame(nil, bytes.Repeat([]byte("m"), r.body), []byte{0x5a, 0x13, 0xc7, 0x2e})
	}
	return ld
}

// ask is the next request.
func (ld *load) ask() []byte {
	p := ld.asks[ld.asked%len(ld.asks)]
	ld.asked++
	return p
}

// begin opens the first connections; the others follow.
func (ld *load) begin(l *loop) {
	for range min(opening, ld.row.conns) {
		ld.open(l)
	}
}

// open starts one more connection.
func (ld *load) open(l *loop) {
	ld.begun++
	c := &client{load: ld}
	c.dial(l)
}

func (ld *load) wrong(why string) {
	ld.what.CompareAndSwap(nil, why) // before it is counted: who sees the count tells why
	ld.bad.Add(1)
}

// client is one connection of the load.
type client struct {
	load     *load
	fd       int
	greeted  bool    // the connection stands and the first request went
	answered bool    // at least one answer came
	last     bool    // the answer is whole; the proxy shall close
	since    int64   // when the request under way was due, by the loop's clock
	tunnel   bool    // past 101: frames from here on
	secure   *secure // nil: in clear
	secured  bool    // its handshake is over
	upload   int     // bytes of the request's body still to be sent
	kept     []byte  // an incomplete head or frame
	body     int     // bytes of the body still to come
}

// dial begins the connection; it asks at once when it stands.
func (c *client) dial(l *loop) {
	fd, err := dial(c.load.port)
	if err == nil {
		c.fd = fd
		err = l.add(fd, unix.EPOLLOUT, c)
	}
	if err != nil {
		c.load.wrong(err.Error())
	}
}

func (c *client) ready(l *loop, events uint32) {
	if !c.greeted {
		c.greeted = true
		l.change(c.fd, unix.EPOLLIN)
		if c.load.tls != nil {
			c.secure = newSecure(c.fd, c.load.tls)
			c.shake(l)
			return
		}
		c.send(l, c.load.ask())
		return
	}
	if c.secure != nil {
		c.readySecure(l, events)
		return
	}
	if c.body > len(l.scratch) {
		c.skip(l)
		return
	}
	n, errno := recv(c.fd, l.scratch)
	if errno == unix.EAGAIN {
		return
	}
	if c.last && n == 0 && errno == 0 {
		c.again(l)
		return
	}
	if errno != 0 || n == 0 {
		c.fail(l, fmt.Sprintf("connection closed by the proxy (%v)", errno))
		return
	}
	c.read(l, l.scratch[:n])
}

// skip counts the bytes of a large body without copying them to anywhere.
func (c *client) skip(l *loop) {
	n, errno := discard(c.fd, c.body-len(l.scratch))
	switch {
	case errno == unix.EAGAIN:
	case errno != 0 || n == 0:
		c.fail(l, fmt.Sprintf("connection closed with %d bytes of a body to come (%v)", c.body, errno))
	default:
		c.body -= n
	}
}

// again opens the next connection after one that had its request.
func (c *client) again(l *loop) {
	l.drop(c.fd)
	c.load.done.Add(1)
	c.greeted, c.last, c.secured = false, false, false
	if !c.answered {
		c.first(l)
		return
	}
	c.next(l)
}

// read takes bytes in order and sends again after each whole answer.
func (c *client) read(l *loop, p []byte) {
	if c.body > 0 {
		took := min(c.body, len(p))
		c.body -= took
		p = p[took:]
		if c.body == 0 {
			c.answer(l)
		}
	}
	if len(p) == 0 || c.fd < 0 {
		return
	}
	if c.last {
		c.fail(l, "bytes behind the only answer")
		return
	}
	if len(c.kept) > 0 {
		c.kept = append(c.kept, p...)
		p = c.kept
	}
	rest := p
	if c.tunnel {
		rest = c.frames(l, p)
	} else if r, whole := parseReply(p); whole {
		rest = c.head(l, r, p[r.head:])
	}
	c.kept = append(c.kept[:0], rest...)
}

// head takes a response's head and what came of its body; it returns what follows.
func (c *client) head(l *loop, r reply, p []byte) []byte {
	if c.load.row.webSocket {
		if r.status != 101 {
			c.fail(l, fmt.Sprintf("status %d for an upgrade", r.status))
			return nil
		}
		c.tunnel = true
		c.first(l)
		return p
	}
	if r.status != 200 || r.body != c.load.want {
		c.fail(l, fmt.Sprintf("status %d with %d bytes, want 200 with %d", r.status, r.body, c.load.want))
		return nil
	}
	took := min(r.body, len(p))
	if c.body = r.body - took; c.body == 0 {
		c.answer(l)
	}
	return p[took:]
}

func (c *client) frames(l *loop, p []byte) []byte {
	for {
		f, whole := parseFrame(p)
		if !whole {
			return p
		}
		if f.payload != c.load.want {
			c.fail(l, fmt.Sprintf("frame of %d bytes, want %d", f.payload, c.load.want))
			return nil
		}
		p = p[f.head+f.payload:]
		c.load.done.Add(1)
		c.next(l)
	}
}

func (c *client) answer(l *loop) {
	if c.load.row.closing {
		c.last = true
		return
	}
	c.load.done.Add(1)
	if !c.answered {
		c.first(l)
		return
	}
	c.next(l)
}

// next asks again, or leaves that to the clock or to the next resume.
func (c *client) next(l *loop) {
	switch {
	case !c.load.on:
		c.load.quiet = append(c.load.quiet, c)
	case c.load.pace.rate > 0:
		c.load.pace.answered(l, c)
	case c.load.row.closing:
		c.dial(l)
	case c.tunnel:
		c.send(l, c.load.chat)
	default:
		c.send(l, c.load.ask())
	}
}

// resume makes all quiet connections ask.
func (ld *load) resume(l *loop) {
	ld.on, l.busy = true, true
	if ld.pace.rate > 0 {
		l.every = ld // from here on the clock begins requests
	}
	for _, c := range ld.quiet {
		c.next(l)
	}
	ld.quiet = ld.quiet[:0]
}

// first counts the connection as standing and lets the next one follow. Nobody
// asks twice before all stand: a proxy under full load accepts slowly.
func (c *client) first(l *loop) {
	c.answered = true
	c.load.up.Add(1)
	if c.load.begun < c.load.row.conns {
		c.load.open(l)
	}
	c.next(l)
}

func (c *client) send(l *loop, p []byte) {
	if c.fd < 0 {
		return
	}
	if c.secure != nil {
		c.upload = c.load.row.upload
		c.sendSecure(l, p)
		return
	}
	if n, errno := send(c.fd, p); errno != 0 || n < len(p) {
		c.fail(l, fmt.Sprintf("request not sent: %d of %d bytes (%v)", n, len(p), errno))
	}
}

// fail ends the connection; a broken load is reported, never repaired.
func (c *client) fail(l *loop, why string) {
	if c.fd >= 0 {
		if c.secure != nil {
			c.secure.stop()
		}
		c.load.wrong(why)
		l.drop(c.fd)
		c.fd = -1
	}
}
