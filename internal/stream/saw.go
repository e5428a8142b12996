package stream

import (
	"time"

	"bascule/internal/backend"
)

const (
	// lookEvery is how often a loop looks for servers that are silent while
	// somebody waits for them.
	lookEvery = 50 * time.Millisecond
	// lookAt is how many streams it looks at, the newest: those who wait for a
	// server that was busy until now are among them, and many idle tunnels cost
	// little.
	lookAt = 1024
)

// saw tells the server's side what became of it.
func (s *Stream) saw(k backend.Sight) {
	if srv := s.srv; srv != nil {
		srv.Saw(k, s.car.Loop.Index())
	}
}

// sawNothing is a connection that did not come about.
func (s *Stream) sawNothing(why Why) {
	switch why {
	case Refused, Absent:
		s.saw(backend.SawRefused)
	case Timeout:
		s.saw(backend.SawNoConnect)
	}
}

// sawEnd is a connection that failed behind the request. A kept one that ended
// before its reply says nothing: servers close those when they like.
func (s *Stream) sawEnd(why Why, b Back) {
	switch {
	case why == Garbage && s.begun:
		s.saw(backend.SawBadBody)
	case why == Garbage:
		s.saw(backend.SawBadHead)
	case why != Reset:
	case s.begun:
		s.saw(backend.SawCut)
	case b != nil && b.Reused():
	default:
		if f, ok := b.(interface{ Failed() bool }); ok && f.Failed() {
			s.saw(backend.SawReset)
			return
		}
		s.saw(backend.SawClosed)
	}
}

// sawReply is a reply's head, interim ones too. Of 500 and more, 501 and 505
// are what a client may ask for.
func (s *Stream) sawReply(status int) {
	if status < 500 || status == 501 || status == 505 {
		s.saw(backend.SawReply)
	} else {
		s.saw(backend.SawStatus)
	}
}

// listen has the loop look for silent servers while there are streams that wait.
func (c *Carrier) listen() {
	if c.listening {
		return
	}
	if c.listening = true; c.look == nil {
		c.look = c.Loop.Timer(c.lookAround)
	}
	c.looked = c.Loop.Now()
	c.Loop.SetTimer(c.look, lookEvery)
}

// lookAround tells servers that somebody has waited for them since the look
// before.
func (c *Carrier) lookAround() {
	now, before, waits := c.Loop.Now(), c.looked, false
	c.looked = now
	s := c.live
	for range lookAt {
		if s == nil {
			break
		}
		if s.waits() {
			waits = true
			if since := s.t.slot; now-since >= int64(lookEvery) {
				s.srv.Waiting(c.Loop.Index(), since, before, now)
			}
		}
		s = s.next
	}
	if c.listening = waits; waits {
		c.Loop.SetTimer(c.look, lookEvery)
	}
}

// waits says that the stream waits for its server's word: for the connection,
// or for the reply to a request that was sent whole.
func (s *Stream) waits() bool {
	return !s.tunnel && !s.begun && s.srv != nil && s.back != nil && (s.bodyDone || !s.sent)
}
