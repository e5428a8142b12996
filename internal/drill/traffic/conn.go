package traffic

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"syscall"
	"time"

	"bascule/internal/wire"
)

const (
	// bufferSize holds a head and, mostly, a small reply: a connection's own memory.
	bufferSize = 16 << 10
	// idleLimit is less than any balancer keeps an idle client connection (the example:
	// 10 s), so that a request does not meet one that is being closed.
	idleLimit = 3 * time.Second
)

// conn is one keep-alive connection. Unlike net/http's client it never sends a request
// again, so that whatever the balancer loses shows. It is for one goroutine.
type conn struct {
	site   Site
	net    net.Conn // nil: not connected
	buf    []byte
	have   []byte // read and not used yet, within buf
	used   time.Time
	reply  wire.Reply
	chunks wire.Chunks
}

// answer is what came back.
type answer struct {
	status int
	server string // X-Server
	begun  bool   // a byte of the final reply came
	size   int64  // of the body
	sum    uint32 // its CRC-32 (IEEE)
	last   byte   // of the body
	cookie func(name, value []byte)
	closes bool
}

// do sends a request, whole, and reads its reply. After an error the connection is
// closed; a.begun says whether the reply had begun.
func (c *conn) do(head, body []byte, method wire.Method, deadline time.Time, a *answer) error {
	err := c.connect(deadline)
	if err == nil {
		err = c.net.SetDeadline(deadline)
	}
	if err == nil {
		err = c.send(head, body)
	}
	if err == nil {
		err = c.read(method, a)
	}
	c.used = time.Now()
	if err != nil || a.closes {
		c.close()
	}
	return err
}

// connect keeps the connection if the other side has not closed it.
func (c *conn) connect(deadline time.Time) error {
	if c.net != nil && time.Since(c.used) < idleLimit && Quiet(c.net) {
		return nil
	}
	c.close()
	conn, err := c.site.Dial(context.Background(), &net.Dialer{Deadline: deadline})
	if err != nil {
		return err
	}
	c.net = conn
	if c.buf == nil {
		c.buf = make([]byte, bufferSize)
	}
	c.have = nil
	return nil
}

// send writes the request. When the balancer has answered and closed before it had all
// of it, the answer counts and not the failed write.
func (c *conn) send(head, body []byte) error {
	parts := net.Buffers{head}
	if len(body) > 0 {
		parts = append(parts, body)
	}
	_, err := parts.WriteTo(c.net)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil // the reading says what became of it
	}
	return err
}

// read takes the final reply; interim ones are skipped.
func (c *conn) read(method wire.Method, a *answer) error {
	for {
		size, err := c.head(method, a)
		if err != nil {
			return err
		}
		c.have = c.have[size:]
		if c.reply.Status >= 200 {
			break
		}
	}
	a.closes = a.closes || c.reply.Close
	var err error
	switch c.reply.Body {
	case wire.BodyLength:
		err = c.length(c.reply.Length, a)
	case wire.BodyChunked:
		err = c.chunked(a)
	case wire.BodyClose:
		a.closes = true
		err = c.toEnd(a)
	}
	if err == nil && len(c.have) > 0 {
		return fmt.Errorf("%d bytes behind the reply", len(c.have))
	}
	return err
}

// head reads a whole head and takes from it what counts.
func (c *conn) head(method wire.Method, a *answer) (size int, err error) {
	for {
		if len(c.have) > 0 {
			switch c.reply.Parse(c.have, nil, method) {
			case wire.Done:
				c.fields(a)
				return c.reply.Size(), nil
			case wire.Bad:
				a.begun = true
				return 0, fmt.Errorf("no HTTP: %s", c.reply.Fault().Why)
			}
		}
		if err := c.more(); err != nil {
			if len(c.have) > 0 {
				a.begun = true
			}
			return 0, err
		}
	}
}

var xServer = []byte("x-server")

func (c *conn) fields(a *answer) {
	a.status = c.reply.Status
	a.begun = a.status >= 200
	if i := c.reply.Find(xServer, 0); i >= 0 {
		a.server = string(c.reply.Value(&c.reply.Fields[i]))
	}
	if a.cookie == nil {
		return
	}
	for i := c.reply.FindID(wire.FieldSetCookie, 0); i >= 0; i = c.reply.FindID(wire.FieldSetCookie, i+1) {
		line := c.reply.Value(&c.reply.Fields[i])
		if name, value, ok := wire.SetCookiePair(line); ok {
			a.cookie(line[name.Off:name.End], line[value.Off:value.End])
		}
	}
}

// more reads behind what is there. io.ErrUnexpectedEOF is an end by FIN.
func (c *conn) more() error {
	if len(c.have) == 0 {
		c.have = c.buf[:0]
	} else if &c.have[0] != &c.buf[0] {
		c.have = c.buf[:copy(c.buf, c.have)]
	}
	if len(c.have) == len(c.buf) {
		return errors.New("the reply's head is too large")
	}
	n, err := c.net.Read(c.buf[len(c.have):])
	c.have = c.buf[:len(c.have)+n]
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (a *answer) take(p []byte) {
	if len(p) > 0 {
		a.last = p[len(p)-1]
	}
	a.size += int64(len(p))
	a.sum = crc32.Update(a.sum, crc32.IEEETable, p)
}

func (c *conn) length(left int64, a *answer) error {
	for left > 0 {
		if len(c.have) == 0 {
			if err := c.more(); err != nil {
				return err
			}
		}
		n := min(left, int64(len(c.have)))
		a.take(c.have[:n])
		c.have = c.have[n:]
		left -= n
	}
	return nil
}

func (c *conn) chunked(a *answer) error {
	c.chunks.Reset()
	for {
		if len(c.have) == 0 {
			if err := c.more(); err != nil {
				return err
			}
		}
		payload, used, state := wire.Compact(&c.chunks, c.have)
		a.take(payload)
		c.have = c.have[used:]
		switch state {
		case wire.ChunkEnd:
			return nil
		case wire.ChunkBad:
			return fmt.Errorf("no chunks: %s", c.chunks.Why())
		}
	}
}

// toEnd reads a body that ends with the connection. An end by FIN is an end as if the
// reply were complete; its content tells.
func (c *conn) toEnd(a *answer) error {
	for {
		if len(c.have) == 0 {
			err := c.more()
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		a.take(c.have)
		c.have = nil
	}
}

func (c *conn) close() {
	if c.net != nil {
		c.net.Close()
		c.net = nil
	}
}
