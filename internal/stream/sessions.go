package stream

import (
	"net/netip"
	"time"

	"bascule/internal/backend"
)

// A Session is what `show sess` tells of one stream.
type Session struct {
	ID       uint64
	From     netip.AddrPort
	Frontend string
	Backend  string // "" before the choice
	Server   string
	Age      time.Duration
	Tunnel   bool
	Phase    byte // R Q C H D, as in termination codes
	In, Out  int64
}

// Sessions appends what is under way on this loop; it runs on the loop.
func (c *Carrier) Sessions(list []Session) []Session {
	for s := c.live; s != nil; s = s.next {
		e := Session{
			ID: s.id, From: s.info.From, Frontend: s.fe.Name, Tunnel: s.tunnel, Phase: s.phase,
			Age: time.Duration(c.Loop.Now() - s.first), In: s.front.Received(), Out: s.front.Sent(),
		}
		if s.be != nil {
			e.Backend = s.cfg.Name
		}
		if s.srv != nil {
			e.Server = s.srv.Name
		}
		list = append(list, e)
	}
	return list
}

// Shutdown ends all streams of this loop on srv; it runs on the loop. code is
// the first letter of their termination code: D for a server marked down, K
// for an operator's word.
func (c *Carrier) Shutdown(srv *backend.Server, code byte) {
	c.end(func(s *Stream) bool { return s.srv == srv && s.slot }, code)
}

// Kill ends the stream with that ID, if it is on this loop.
func (c *Carrier) Kill(id uint64) bool {
	for s := c.live; s != nil; s = s.next {
		if s.id == id {
			s.Kill('K')
			return true
		}
	}
	return false
}

// Live counts the streams under way on this loop; it runs on the loop.
func (c *Carrier) Live() int {
	n := 0
	for s := c.live; s != nil; s = s.next {
		n++
	}
	return n
}
