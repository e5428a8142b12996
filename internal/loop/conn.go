package loop

import (
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxKept is the most input that a connection keeps: one full read.
const maxKept = scratchSize

// A Conn is one socket on a loop. All methods must be called on the loop.
//
// Nothing is read before Fill and nothing is written before Send; what could
// not be sent yet is held and sent by the loop, which then calls Ready.
type Conn struct {
	l        *Loop
	h        Handler
	fd       int
	gen      uint32
	readable bool  // a read may give something
	writable bool  // a write may take something
	ended    bool  // the peer has shut down its side; bytes may be left
	failed   bool  // reset, or broken while writing
	end      error // what reading came to: io.EOF or an error; sticky
	dialing  bool
	queued   bool // in the loop's ready list
	closed   bool
	watched  bool // a listener's socket, see Watch
	finish   finish
	err      error // of a write; sticky
	in, out  held
	timer    Timer
	leaver   Leaver
	patience time.Duration // what the deadline was set to
}

// Adopt registers an open, non-blocking socket with the loop, which owns it
// from here on. It takes h's word for the first read: no event is waited for
// if the caller knows that bytes are there.
func (l *Loop) Adopt(fd int, h Handler) (*Conn, error) {
	c := &Conn{l: l, h: h, fd: fd, writable: true}
	if err := l.register(c); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

// note takes what the kernel says of c. EPOLLHUP alone is no failure: both
// sides have shut down their direction.
func (c *Conn) note(events uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.readable = true
		c.ended = c.ended || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
		c.failed = c.failed || events&unix.EPOLLERR != 0
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.writable = true
	}
}

func (l *Loop) register(c *Conn) error {
	l.nextGen++
	c.gen = l.nextGen
	c.timer.conn = c
	for c.fd >= len(l.bySlot) {
		l.bySlot = append(l.bySlot, make([]*Conn, c.fd+1-len(l.bySlot)+64)...)
	}
	l.bySlot[c.fd] = c
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(c.fd), Pad: int32(c.gen),
	}
	if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, c.fd, &ev); err != nil {
		l.bySlot[c.fd] = nil
		return err
	}
	l.Stats.Conns.Add(1)
	return nil
}

// Loop is the loop that c lives on.
func (c *Conn) Loop() *Loop { return c.l }

// SetHandler gives c to another handler.
func (c *Conn) SetHandler(h Handler) { c.h = h }

// FD is the descriptor, for socket options only.
func (c *Conn) FD() int { return c.fd }

// Closed says whether Close was called.
func (c *Conn) Closed() bool { return c.closed }

// Readable says whether Fill may give something new.
func (c *Conn) Readable() bool { return c.readable && !c.closed }

// Ended says that the peer has shut down its side or reset the connection;
// there may still be bytes to read.
func (c *Conn) Ended() bool { return c.ended }

// Failed says that the connection was reset or broke.
func (c *Conn) Failed() bool { return c.failed }

// Kept is the input that was kept and not read since.
func (c *Conn) Kept() []byte { return c.in.bytes() }

// Fill reads once and returns what was kept followed by what came. The bytes
// are valid until the next Fill of any connection of this loop. io.EOF means
// that the peer has ended; bytes may be returned with it, and every Fill after
// it says so again. A nil error without
// new bytes means that there is nothing for now.
func (c *Conn) Fill() ([]byte, error) {
	if c.closed {
		return nil, unix.EBADF
	}
	if !c.readable {
		return c.in.bytes(), c.end
	}
	if c.in.len() > 0 {
		return c.fillKept()
	}
	n, e := recv(c.fd, c.l.scratch, 0)
	err := c.received(n, len(c.l.scratch), e)
	return c.l.scratch[:n], err
}

func (c *Conn) fillKept() ([]byte, error) {
	if c.in.len() >= maxKept {
		return c.in.bytes(), nil
	}
	if len(c.in.p) == cap(c.in.p) {
		c.in.add(&c.l.bufs, grow[:])
		c.in.p = c.in.p[:len(c.in.p)-len(grow)]
	}
	room := c.in.p[len(c.in.p):cap(c.in.p)]
	n, e := recv(c.fd, room, 0)
	err := c.received(n, len(room), e)
	c.in.p = c.in.p[:len(c.in.p)+n]
	return c.in.bytes(), err
}

// grow is what add is given to move a full buffer into a larger one.
var grow [1]byte

func (c *Conn) received(n, room int, e syscall.Errno) error {
	switch {
	case e == unix.EAGAIN:
		c.readable = false
		return nil
	case e != 0:
		c.readable, c.ended, c.failed, c.end = false, true, true, e
		return e
	case n == 0:
		c.readable, c.ended = false, true
		if c.end == nil {
			c.end = io.EOF
		}
		return c.end
	}
	// A short read means drained; after the peer's end, read on to 0.
	c.readable = n == room || c.ended
	return nil
}

// Keep holds the rest of what Fill returned for the next Fill. p must be the
// end of it; an empty p means that all was used.
func (c *Conn) Keep(p []byte) {
	if c.in.p != nil {
		if len(p) == 0 {
			c.in.drop(&c.l.bufs)
			return
		}
		c.in.off = len(c.in.p) - len(p)
		return
	}
	c.in.add(&c.l.bufs, p)
}

// Pending is how many bytes wait to be sent.
func (c *Conn) Pending() int { return c.out.len() }

// Send sends p, or holds what the socket does not take. The error is sticky.
func (c *Conn) Send(p []byte) error {
	if c.closed {
		return unix.EBADF // its number may be another's by now
	}
	if len(p) == 0 || c.err != nil {
		return c.err
	}
	if c.out.len() == 0 && c.writable && !c.dialing {
		n, e := send(c.fd, p)
		if c.sent(e) != nil || n == len(p) {
			return c.err
		}
		c.writable = false
		p = p[n:]
	}
	c.out.add(&c.l.bufs, p)
	return nil
}

// SendV sends a, then b, in one call where it can.
func (c *Conn) SendV(a, b []byte) error {
	if len(a) == 0 {
		return c.Send(b)
	}
	if len(b) == 0 || c.closed || c.err != nil || c.out.len() > 0 || !c.writable || c.dialing {
		_ = c.Send(a) // sticky: the second one returns it too
		return c.Send(b)
	}
	n, e := sendv(c.fd, a, b)
	if c.sent(e) != nil || n == len(a)+len(b) {
		return c.err
	}
	c.writable = false
	if n < len(a) {
		c.out.add(&c.l.bufs, a[n:])
		n = len(a)
	}
	c.out.add(&c.l.bufs, b[n-len(a):])
	return nil
}

func (c *Conn) sent(e syscall.Errno) error {
	if e == unix.EAGAIN {
		c.writable = false
		return nil
	}
	if e != 0 {
		c.err = e
		c.failed = true
	}
	return c.err
}

// flush sends what is held, after an event. A peer that takes some of it is
// not late: the deadline starts anew.
func (c *Conn) flush() {
	held := c.out.len()
	for c.out.len() > 0 && c.err == nil {
		n, e := send(c.fd, c.out.bytes())
		if c.sent(e) != nil {
			break
		}
		c.out.off += n
		if e != unix.EAGAIN {
			continue
		}
		if c.out.len() < held && c.timer.at != 0 {
			c.SetDeadline(c.patience)
		}
		return
	}
	c.out.drop(&c.l.bufs)
	switch c.finish {
	case finishWrite:
		c.shutdown()
	case finishClose:
		c.linger()
	}
}

// Err is the error that broke the writing side, if any.
func (c *Conn) Err() error { return c.err }

// Again asks for Ready once more after the others have had their turn.
func (c *Conn) Again() {
	if !c.queued && !c.closed {
		c.queued = true
		c.l.ready = append(c.l.ready, c)
	}
}

// SetDeadline makes Expired due in d; 0 takes the deadline away.
func (c *Conn) SetDeadline(d time.Duration) {
	if d <= 0 || c.closed {
		c.timer.at = 0
		return
	}
	c.patience = d
	c.l.timers.set(&c.timer, c.l.now+int64(d))
}

// Idle looks whether a kept connection can still be used: nothing has come
// and the peer has not ended, as far as the kernel knows at this moment.
func (c *Conn) Idle() bool {
	if c.closed || c.readable || c.ended || c.failed {
		return false
	}
	return true
}

// Peek asks the kernel the same, at the price of a system call: it sees what
// came after the last wait.
func (c *Conn) Peek() bool {
	if !c.Idle() {
		return false
	}
	var b [1]byte
	_, e := recv(c.fd, b[:], unix.MSG_PEEK)
	return e == unix.EAGAIN
}
