package main

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// opening is how many connections are on their way at once, so that no proxy's
// accept queue overflows and costs a second for a repeated SYN.
const opening = 32

// load keeps conns connections busy: each sends, waits for its answer and sends again.
type load struct {
	row   row
	port  int // of the proxy
	want  int // body bytes that every answer must have
	ask   []byte
	chat  []byte // the client's WebSocket frame
	begun int    // connections opened so far

	up   atomic.Int64  // connections that have had their first answer
	done atomic.Uint64 // answers
	bad  atomic.Uint64 // answers that were wrong, and connections that broke
	what atomic.Value  // string: the first thing that was wrong
}

func newLoad(r row, port int) *load {
	ld := &load{row: r, port: port, want: r.body}
	ld.ask = []byte("GET /api/v1/items?page=2 HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n")
	if r.webSocket {
		ld.ask = []byte("GET /chat HTTP/1.1\r\nHost: bench.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + webSocketKey + "\r\n\r\n")
		ld.chat = appendFrame(nil, bytes.Repeat([]byte("m"), r.body), []byte{0x5a, 0x13, 0xc7, 0x2e})
	}
	return ld
}

// open starts one more connection.
func (ld *load) open(l *loop) {
	fd, err := dial(ld.port)
	if err == nil {
		ld.begun++
		err = l.add(fd, unix.EPOLLOUT, &client{load: ld, fd: fd})
	}
	if err != nil {
		ld.wrong(err.Error())
	}
}

func (ld *load) wrong(why string) {
	ld.bad.Add(1)
	ld.what.CompareAndSwap(nil, why)
}

// client is one connection of the load.
type client struct {
	load     *load
	fd       int
	greeted  bool   // the connection stands and the first request went
	answered bool   // at least one answer came
	tunnel   bool   // past 101: frames from here on
	kept     []byte // an incomplete head or frame
	body     int    // bytes of the body still to come
}

func (c *client) ready(l *loop, events uint32) {
	if !c.greeted {
		c.greeted = true
		l.change(c.fd, unix.EPOLLIN)
		c.send(l, c.load.ask)
		return
	}
	n, errno := recv(c.fd, l.scratch)
	if errno == unix.EAGAIN {
		return
	}
	if errno != 0 || n == 0 {
		c.fail(l, fmt.Sprintf("connection closed by the proxy (%v)", errno))
		return
	}
	c.read(l, l.scratch[:n])
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
		c.send(l, c.load.chat)
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
		c.send(l, c.load.chat)
	}
}

func (c *client) answer(l *loop) {
	c.load.done.Add(1)
	c.first(l)
	c.send(l, c.load.ask)
}

// first counts the connection as standing and lets the next one follow.
func (c *client) first(l *loop) {
	if c.answered {
		return
	}
	c.answered = true
	c.load.up.Add(1)
	if c.load.begun < c.load.row.conns {
		c.load.open(l)
	}
}

func (c *client) send(l *loop, p []byte) {
	if c.fd < 0 {
		return
	}
	if n, errno := send(c.fd, p); errno != 0 || n < len(p) {
		c.fail(l, fmt.Sprintf("request not sent: %d of %d bytes (%v)", n, len(p), errno))
	}
}

// fail ends the connection; a broken load is reported, never repaired.
func (c *client) fail(l *loop, why string) {
	if c.fd >= 0 {
		c.load.wrong(why)
		l.drop(c.fd)
		c.fd = -1
	}
}
