package stream

import (
	"slices"
	"time"
)

const (
	// spareStreams is how many streams and requests a loop keeps for reuse in any
	// case. More would not be many bytes, but what is left of a rush lies scattered,
	// and each one keeps a page or several from going back to the system.
	spareStreams = 8
	// spareFor is how long more than that are kept without being used: those of a
	// rush of connections go before the engine returns a rush's memory to the
	// system, and steady traffic allocates nothing.
	spareFor = 3 * time.Second
)

// spares is a free list that knows how much of it is of use.
type spares[T any] struct {
	list  []*T
	least int // what was free all the time since the last trim
}

// take is a free one, or nil.
func (f *spares[T]) take() *T {
	n := len(f.list) - 1
	if n < 0 {
		return nil
	}
	x := f.list[n]
	f.list[n] = nil
	f.list = f.list[:n]
	f.least = min(f.least, n)
	return x
}

func (f *spares[T]) put(x *T) { f.list = append(f.list, x) }

// trim lets go of those that nobody has needed since the last trim, and says
// whether another look is worth it.
func (f *spares[T]) trim() bool {
	n := len(f.list)
	if surplus := min(f.least, n-spareStreams); surplus > 0 {
		n -= surplus
		clear(f.list[n:])
		f.list = f.list[:n]
		if cap(f.list) > 4*n {
			f.list = slices.Clone(f.list)
		}
	}
	f.least = n
	return n > spareStreams
}

// stream is a stream with a request, free or new; the request is as it was left.
func (c *Carrier) stream() *Stream {
	s := c.free.take()
	if s == nil {
		s = new(Stream)
		s.request = c.part()
		s.request.s = s
	}
	return s
}

// part is a request, free or new, as it was left.
func (c *Carrier) part() *request {
	r := c.parts.take()
	if r == nil {
		r = new(request)
		r.timer = c.Loop.Timer(func() { r.s.expired() })
	}
	return r
}

// spare takes a stream back that is over.
func (c *Carrier) spare(s *Stream) {
	c.free.put(s)
	c.trimLater()
}

// trimLater has the free lists looked at if they are long.
func (c *Carrier) trimLater() {
	if c.trimming || len(c.free.list) <= spareStreams && len(c.parts.list) <= spareStreams {
		return
	}
	if c.trimming = true; c.trim == nil {
		c.trim = c.Loop.Timer(c.trimSpares)
	}
	c.Loop.SetTimer(c.trim, spareFor)
}

func (c *Carrier) trimSpares() {
	streams, parts := c.free.trim(), c.parts.trim()
	if c.trimming = streams || parts; c.trimming {
		c.Loop.SetTimer(c.trim, spareFor)
	}
}
