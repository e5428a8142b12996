package stream

import "bascule/internal/loop"

const (
	// spliceMin is the size of the rest of a body from which on it is moved
	// inside the kernel: below, two system calls for a pass through a pipe cost
	// more than the copy that they save.
	spliceMin = 64 << 10
	// spliceMost is the most that is asked of one splice in a tunnel.
	spliceMost = 1 << 30
	// turnReads is how often a tunnel's side is read before the others have
	// their turn: 64 KiB each, or a pipe's content.
	turnReads = 4
)

// A Splicer is a Front or a Back whose bytes may pass inside the kernel.
type Splicer interface {
	// Splice moves at most most bytes of a body or a tunnel from the other
	// side's socket to its own without copying, see loop.Conn.Splice. ok is
	// false where they cannot pass as they are: the caller copies.
	Splice(from *loop.Conn, most int64) (n int64, ok bool)
}

// splice lets side, a Front or a Back, move bytes if it can.
func splice(side any, from *loop.Conn, most int64) (n int64, ok bool) {
	if to, can := side.(Splicer); can {
		return to.Splice(from, most)
	}
	return 0, false
}

// SpliceReply moves bytes of the reply's body from the server's connection, of
// which left are to come; ok is false where they must be read.
func (s *Stream) SpliceReply(from *loop.Conn, left int64) (n int64, ok bool) {
	if left < spliceMin || s.over || s.mute || s.holdingReply() {
		return 0, false
	}
	if n, ok = splice(s.front, from, left); n > 0 && s.back != nil {
		s.heard()
	}
	return n, ok
}

// SpliceBody is SpliceReply for the request's body.
func (s *Stream) SpliceBody(from *loop.Conn, left int64) (n int64, ok bool) {
	if left < spliceMin || s.back == nil || s.carried.most > 0 && !s.carried.lost {
		return 0, false
	}
	if n, ok = splice(s.back, from, left); n > 0 {
		s.carried.lost = true
		s.await()
	}
	return n, ok
}

// bulk is what one read of a tunnel must give for the next to be spliced, and
// a quarter of it what one splice must give: messages are smaller.
const bulk = 64 << 10

// ReadUp passes on what has come of a tunnel on the client's connection, and
// counts it in received. The stream may be over when it returns.
func (s *Stream) ReadUp(c *loop.Conn, received *int64) {
	for range turnReads {
		if s.UpBlocked() {
			return
		}
		n, ok := int64(0), false
		if s.upBulk {
			if n, ok = splice(s.back, c, spliceMost); n > 0 {
				s.tunnelDeadline()
			}
			s.upBulk = n >= bulk/4
		}
		if n == 0 && !(ok && c.Readable()) {
			p, err := c.Fill()
			if n = int64(len(p)); n > 0 {
				s.upBulk = n >= bulk && !s.tunnelFrames
				s.Up(p)
				c.Keep(nil)
			}
			if err != nil {
				*received += n
				s.endUp(c.Failed())
				return
			}
		}
		*received += n
		if s.over || !c.Readable() {
			return
		}
	}
	c.Again()
}

func (s *Stream) endUp(failed bool) {
	switch {
	case s.over:
	case failed:
		s.TunnelBroken(false)
	default:
		s.UpEnd()
	}
}

// ReadDown passes on what has come of a tunnel on the server's connection,
// once; the error is the connection's end, as Fill tells it.
func (s *Stream) ReadDown(c *loop.Conn) error {
	if s.look.down && !s.inspectDown(c) {
		return nil
	}
	if s.downBulk {
		n, ok := splice(s.front, c, spliceMost)
		s.downBulk = n >= bulk/4
		if n > 0 {
			s.tunnelDeadline()
			return nil
		}
		if ok && c.Readable() {
			return nil
		}
	}
	p, err := c.Fill()
	s.downBulk = len(p) >= bulk && !s.tunnelFrames
	if len(p) > 0 {
		s.Down(p)
		c.Keep(nil) // not before: p may lie in what was kept
	}
	return err
}
