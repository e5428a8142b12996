package loop

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Pending is how many bytes wait to be sent.
func (c *Conn) Pending() int {
	k := c.kept
	switch {
	case k == nil:
		return 0
	case k.pipe != nil:
		return k.pipe.n + k.out.len()
	}
	return k.out.len()
}

// Send sends p, or holds what the socket does not take. The error is sticky.
func (c *Conn) Send(p []byte) error {
	if c.secure {
		return c.sendSealed(p, nil)
	}
	return c.sendRaw(p)
}

// sendRaw is Send without TLS.
func (c *Conn) sendRaw(p []byte) error {
	if c.closed {
		return unix.EBADF // its number may be another's by now
	}
	if len(p) == 0 || c.err != 0 {
		return c.err.error()
	}
	if !c.holds() && c.writable && !c.dialing {
		n, e := send(int(c.fd), p)
		if c.sent(e) || n == len(p) {
			return c.err.error()
		}
		c.full()
		p = p[n:]
	}
	c.hold(p)
	return nil
}

// SendV sends a, then b, in one call where it can.
func (c *Conn) SendV(a, b []byte) error {
	if c.secure {
		return c.sendSealed(a, b)
	}
	if len(a) == 0 {
		return c.Send(b)
	}
	if len(b) == 0 || c.closed || c.err != 0 || c.holds() || !c.writable || c.dialing {
		_ = c.Send(a) // sticky: the second one returns it too
		return c.Send(b)
	}
	n, e := sendv(int(c.fd), a, b)
	if c.sent(e) || n == len(a)+len(b) {
		return c.err.error()
	}
	c.full()
	if n < len(a) {
		c.hold(a[n:])
		n = len(a)
	}
	c.hold(b[n-len(a):])
	return nil
}

// full notes that the kernel takes no more for now.
func (c *Conn) full() {
	c.writable = false
	c.hear()
}

// sent takes what the kernel said of a write, and says whether the writing side
// is broken.
func (c *Conn) sent(e syscall.Errno) (broken bool) {
	if e == unix.EAGAIN {
		c.full()
		return false
	}
	if e != 0 {
		c.err = errno(e)
		c.failed = true
	}
	return c.err != 0
}

// flush sends what is held, after an event. A peer that takes some of it is
// not late: the deadline starts anew.
func (c *Conn) flush() {
	held := c.Pending()
	if c.kept.pipe != nil {
		c.flushPipe()
	}
	for k := c.kept; k != nil && k.pipe == nil && k.out.len() > 0 && c.err == 0; {
		n, e := send(int(c.fd), k.out.bytes())
		if c.sent(e) || e == unix.EAGAIN {
			break
		}
		k.out.off += n
	}
	if c.err == 0 && c.holds() {
		if c.Pending() < held && c.timer.at != 0 {
			c.SetDeadline(c.patience)
		}
		return
	}
	c.dropOut()
	switch c.finish {
	case finishWrite:
		c.shutdown()
	case finishClose:
		c.linger()
	}
}

// Err is the error that broke the writing side, if any.
func (c *Conn) Err() error { return c.err.error() }
