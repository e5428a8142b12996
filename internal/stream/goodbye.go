package stream

import "bascule/internal/backend"

// The WebSocket statuses of a tunnel that does not end by itself (RFC 6455
// §7.4.1 and the registry of IANA).
const (
	closeAway    = 1001 // this end goes away
	closeRestart = 1012 // the service restarts: come again
)

// Framed is a Front or a Back whose tunnel may carry WebSocket frames.
type Framed interface {
	// Quiet says that the direction towards this side stands between two frames
	// and nothing waits in either direction: a Close frame put in now cuts nothing.
	Quiet() bool
	// Between says that the direction towards this side stands between two
	// frames and that no Close frame has passed.
	Between() bool
}

// CloseCode is what a peer of a WebSocket that ends before its time is told:
// that the process or the client goes away, or else that it may come again.
func (s *Stream) CloseCode() uint16 {
	if s.car.Leaving || s.term[0] == 'C' {
		return closeAway
	}
	return closeRestart
}

// CountGoodbye counts a WebSocket that did not end by itself, and whether its
// client could be told.
func (s *Stream) CountGoodbye(told bool) {
	k := backend.ClosesBare
	switch {
	case told && s.CloseCode() == closeAway:
		k = backend.ClosesAway
	case told:
		k = backend.ClosesRestart
	}
	s.countServer(k)
}

// SaidGoodbye says that the client of a WebSocket has sent its Close frame, so
// that its server may end as it likes.
func (s *Stream) SaidGoodbye() bool {
	b, ok := s.back.(interface{ SaidGoodbye() bool })
	return ok && b.SaidGoodbye()
}

// quiet says that both directions of a WebSocket can be ended politely now.
func (s *Stream) quiet() bool {
	f, ok := s.front.(Framed)
	if !ok || !f.Quiet() {
		return false
	}
	b, ok := s.back.(Framed)
	return ok && b.Quiet()
}

// Farewell ends all WebSockets of this loop because the process ends, and says
// how many there were; it runs on the loop.
func (c *Carrier) Farewell() int {
	c.Leaving = true
	return c.end(func(s *Stream) bool { return s.tunnelFrames }, 'K')
}

// Part ends so many WebSockets that stand between two frames because the process
// stops, and says how many there still are; it runs on the loop.
func (c *Carrier) Part(n int) int {
	c.Leaving = true
	if len(c.parting) == 0 {
		c.parting = c.find(func(s *Stream) bool { return s.tunnelFrames })
	}
	stay := c.parting[:0]
	for _, d := range c.parting {
		switch {
		case !d.valid():
		case n <= 0, !d.s.quiet():
			stay = append(stay, d)
		default:
			n--
			d.s.Kill('K')
		}
	}
	c.parting = stay
	return len(stay)
}

// end kills the streams that match.
func (c *Carrier) end(match func(*Stream) bool, code byte) int {
	doomed := c.find(match)
	for _, d := range doomed {
		if d.valid() { // ending one may end another
			d.s.Kill(code)
		}
	}
	return len(doomed)
}
