package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// lingerFor is how long a closed connection is read on, so that a client that
// still sends does not lose the last reply to a reset (RFC 9112 §9.6).
const lingerFor = time.Second

// finish says what happens once the held output is sent.
type finish uint8

const (
	finishNone  finish = iota
	finishWrite        // shut down the writing side
	finishClose        // linger, then close
)

// CloseWrite shuts down the writing side once all is sent.
func (c *Conn) CloseWrite() {
	if c.closed {
		return
	}
	if c.secure {
		c.sayClosed()
	}
	if c.holds() {
		c.finish = finishWrite
		return
	}
	c.shutdown()
}

func (c *Conn) shutdown() {
	c.finish = finishNone
	_ = unix.Shutdown(int(c.fd), unix.SHUT_WR) // fails only if the peer is gone
}

// CloseAfterSend closes politely: it sends what is held, shuts down, reads on
// for up to a second, then closes. The handler hears nothing more but Gone, if it
// is a Leaver.
func (c *Conn) CloseAfterSend() {
	if c.closed {
		return
	}
	c.lingers = true
	if c.err != 0 || c.failed {
		c.Close()
		return
	}
	c.Keep(nil)
	if c.secure {
		c.sayClosed()
	}
	if c.holds() {
		c.finish = finishClose
		c.SetDeadline(sendRestFor)
		return
	}
	c.linger()
}

// sendRestFor bounds how long a client may take for the rest of a last reply.
const sendRestFor = 30 * time.Second

func (c *Conn) linger() {
	if c.ended && !c.readable { // to close on bytes that were not read would be a reset
		c.Close()
		return
	}
	c.shutdown()
	c.SetDeadline(lingerFor)
	c.Again()
}

// A Leaver is a Handler that counts a connection until it is closed for good,
// which may be long after CloseAfterSend.
type Leaver interface {
	// Gone says that c is closed.
	Gone(c *Conn)
}

// lingerer reads what a client still sends, and closes at its end.
type lingerer struct{}

func (lingerer) Ready(c *Conn) {
	for range 16 { // a client that sends without end is not served for longer than others
		if c.holds() && c.err == 0 {
			return
		}
		_, err := c.Fill()
		if err != nil || c.err != 0 {
			c.Close()
			return
		}
		if !c.readable {
			return
		}
	}
	c.Again()
}

func (lingerer) Expired(c *Conn) { c.Close() }
func (lingerer) Broken(*Conn)    {}

// Reset closes at once and tells the peer by a reset, so that a reply that
// was cut cannot be taken for a whole one.
func (c *Conn) Reset() {
	if !c.closed {
		c.failed = true // no polite word goes before it
		_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	c.Close()
}

// Close closes at once. It may be called more than once.
func (c *Conn) Close() {
	if c.watched {
		c.l.Unwatch(c)
	}
	if c.closed {
		return
	}
	if c.secure && !c.holds() {
		c.sayClosed()
	}
	c.forget()
	unix.Close(int(c.fd))
	if c.lingers {
		if h, ok := c.h.(Leaver); ok {
			h.Gone(c)
		}
	}
}

// forget takes the connection out of the loop's books.
func (c *Conn) forget() {
	c.closed = true
	l := c.l
	l.bySlot[c.fd] = nil
	l.timers.remove(&c.timer)
	c.dropKept()
	c.dropSide()
	l.Stats.Conns.Add(-1)
}
