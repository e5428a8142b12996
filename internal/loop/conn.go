package loop

import (
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxKept is the most input that a connection keeps, unless KeepUpTo asks for
// more: one full read.
const maxKept = scratchSize

// KeepUpTo lets connections keep up to n bytes of input, for heads that are
// larger than one read (tune.bufsize). It must be called before the loop runs.
func (l *Loop) KeepUpTo(n int) { l.kept = max(n, maxKept) }

// A Conn is one socket on a loop. All methods must be called on the loop.
//
// Nothing is read before Fill and nothing is written before Send; what could
// not be sent yet is held and sent by the loop, which then calls Ready.
//
// An idle connection costs this and nothing else, so it is kept small: what
// waits lies elsewhere, and errors are the system's numbers.
type Conn struct {
	timer    deadline // first, see deadline
	l        *Loop
	h        Handler
	kept     *kept         // nil: nothing waits
	patience time.Duration // what the deadline was set to
	fd       int32
	gen      uint32
	end      errno // what reading came to; sticky
	err      errno // of a write; sticky
	readable bool  // a read may give something
	writable bool  // a write may take something
	ended    bool  // the peer has shut down its side; bytes may be left
	failed   bool  // reset, or broken while writing
	dialing  bool
	queued   bool // in the loop's ready list
	closed   bool
	watched  bool // a listener's socket, see Watch
	unheard  bool // not registered for events, see Take
	spared   bool // and nothing is waited for, see Spare
	lingers  bool // its handler is told of nothing more, see CloseAfterSend
	secure   bool // the handshake of TLS is done, see tlsSide
	finish   finish
}

// An errno is an error of a system call in four bytes; 0: none.
type errno int32

// eof stands for io.EOF, which the system has no number for.
const eof errno = -1

func (e errno) error() error {
	switch e {
	case 0:
		return nil
	case eof:
		return io.EOF
	}
	return syscall.Errno(e)
}

// Adopt registers an open, non-blocking socket with the loop, which owns it
// from here on. It takes h's word for the first read: no event is waited for
// if the caller knows that bytes are there.
func (l *Loop) Adopt(fd int, h Handler) (*Conn, error) {
	c := &Conn{l: l, h: h, fd: int32(fd), writable: true}
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
	l.place(c)
	if err := l.enrol(c); err != nil {
		l.bySlot[c.fd] = nil
		l.Stats.Conns.Add(-1)
		return err
	}
	return nil
}

// place makes c known to the loop, under a generation of its own.
func (l *Loop) place(c *Conn) {
	l.nextGen++
	c.gen = l.nextGen
	c.timer.conn = true
	l.slotFor(int(c.fd))
	l.bySlot[c.fd] = c
	l.Stats.Conns.Add(1)
}

// slotFor makes room for a descriptor.
func (l *Loop) slotFor(fd int) {
	if fd >= len(l.bySlot) {
		l.bySlot = append(l.bySlot, make([]*Conn, fd+1-len(l.bySlot)+64)...)
	}
}

// enrol asks the kernel for events.
func (l *Loop) enrol(c *Conn) error {
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     c.fd, Pad: int32(c.gen),
	}
	return unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, int(c.fd), &ev)
}

// Loop is the loop that c lives on.
func (c *Conn) Loop() *Loop { return c.l }

// SetHandler gives c to another handler.
func (c *Conn) SetHandler(h Handler) { c.h = h }

// FD is the descriptor, for socket options only.
func (c *Conn) FD() int { return int(c.fd) }

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
func (c *Conn) Kept() []byte {
	if c.kept == nil {
		return nil
	}
	return c.kept.in.bytes()
}

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
		return c.Kept(), c.end.error()
	}
	if c.kept != nil && c.kept.in.len() > 0 {
		return c.fillKept()
	}
	n, err := c.fillInto(c.l.scratch)
	return c.l.scratch[:n], err
}

// fillInto reads into p, which has room.
func (c *Conn) fillInto(p []byte) (int, error) {
	if c.secure {
		return c.side().fillPlain(p)
	}
	n, e := recv(int(c.fd), p, 0)
	return n, c.received(n, len(p), e)
}

func (c *Conn) fillKept() ([]byte, error) {
	in := &c.kept.in
	if in.len() >= c.l.kept {
		return in.bytes(), nil
	}
	if len(in.p) == cap(in.p) {
		in.add(&c.l.bufs, grow[:])
		in.p = in.p[:len(in.p)-len(grow)]
	}
	room := in.p[len(in.p):cap(in.p)]
	n, err := c.fillInto(room)
	in.p = in.p[:len(in.p)+n]
	return in.bytes(), err
}

// grow is what add is given to move a full buffer into a larger one.
var grow [1]byte

func (c *Conn) received(n, room int, e syscall.Errno) error {
	switch {
	case e == unix.EAGAIN:
		c.readable = false
		c.hear()
		return nil
	case e != 0:
		c.readable, c.ended, c.failed, c.end = false, true, true, errno(e)
		return e
	case n == 0:
		c.readable, c.ended = false, true
		if c.end == 0 {
			c.end = eof
		}
		return c.end.error()
	}
	// A short read means drained; after the peer's end, read on to 0.
	c.readable = n == room || c.ended
	return nil
}

// Keep holds the rest of what Fill returned for the next Fill. p must be the
// end of it; an empty p means that all was used.
func (c *Conn) Keep(p []byte) {
	switch k := c.kept; {
	case len(p) == 0:
		if k != nil {
			k.in.drop(&c.l.bufs)
			c.tidy()
		}
	case k != nil && k.in.p != nil:
		k.in.off = len(k.in.p) - len(p)
	default:
		c.keeps().in.add(&c.l.bufs, p)
	}
}

// Lend is Keep(nil), but that the bytes which Fill returned stay what they are
// until GiveBack, whatever is sent meanwhile.
func (c *Conn) Lend() (buffer []byte) {
	if k := c.kept; k != nil {
		buffer, k.in = k.in.p, held{}
		c.tidy()
	}
	return buffer
}

// Borrow is an empty buffer with room for n bytes or more, until GiveBack.
func (l *Loop) Borrow(n int) []byte { return l.bufs.get(n) }

// GiveBack ends Lend and Borrow.
func (l *Loop) GiveBack(buffer []byte) {
	if buffer != nil {
		l.bufs.put(buffer)
	}
}

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

// MayRead has the next Fill ask the kernel although no event has told of bytes: a
// write that failed knows of the peer's end before the event does, and what the
// peer said before it may lie there.
func (c *Conn) MayRead() { c.readable = c.readable || c.end == 0 && !c.closed }

// Idle looks whether a kept connection can still be used: nothing has come
// and the peer has not ended, as far as the kernel has told by this turn.
func (c *Conn) Idle() bool {
	switch {
	case c.closed || c.ended || c.failed:
		return false
	case c.readable:
		return c.secure && len(c.Kept()) == 0 && c.quiet()
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
	if _, e := recv(int(c.fd), b[:], unix.MSG_PEEK); e == unix.EAGAIN {
		return true
	}
	c.readable = true
	return c.secure && c.Idle()
}
