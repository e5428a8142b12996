package stream

import (
	"time"

	"bascule/internal/backend"
)

// A doom names a stream that may be over, or another one's, when its turn comes.
type doom struct {
	s  *Stream
	id uint64
}

// valid says whether it is still the stream that was meant.
func (d doom) valid() bool { return !d.s.over && d.s.id == d.id }

// A leaving says whose streams go: those on a server, or those of a frontend.
type leaving struct {
	srv *backend.Server
	fe  *Frontend
}

func (l leaving) has(s *Stream) bool {
	if l.fe != nil {
		return s.fe == l.fe
	}
	return s.srv == l.srv
}

// find lists the streams that match.
func (c *Carrier) find(match func(*Stream) bool) (list []doom) {
	for s := c.live; s != nil; s = s.next {
		if match(s) {
			list = append(list, doom{s, s.id})
		}
	}
	return list
}

// Ease ends so many WebSockets and other tunnels of a server that is being
// drained, or all that it has on this loop; it runs on the loop.
func (c *Carrier) Ease(e backend.Ease) {
	if !e.All {
		c.ease(leaving{srv: e.Srv}, e)
		return
	}
	delete(c.leavers, leaving{srv: e.Srv})
	for _, d := range c.find(func(s *Stream) bool { return s.srv == e.Srv && s.slot }) {
		if d.valid() {
			d.s.depart(e.Tally)
		}
	}
}

// EaseFront does the same for a frontend that a reload has removed. Requests that are
// left at the deadline end: it is not their server that goes.
func (c *Carrier) EaseFront(fe *Frontend, e backend.Ease) {
	if !e.All {
		c.ease(leaving{fe: fe}, e)
		return
	}
	delete(c.leavers, leaving{fe: fe})
	for _, d := range c.find(leaving{fe: fe}.has) {
		if d.valid() {
			d.s.part(e.Tally)
		}
	}
}

// Streams counts what a loop has of a frontend.
type Streams struct{ All, WebSockets, Tunnels int64 }

// Left is what there is of some frontends.
type Left map[*Frontend]*Streams

// Count adds the streams of this loop, at which it looks once; it runs on the loop.
func (c *Carrier) Count(left Left) {
	for s := c.live; s != nil; s = s.next {
		n := left[s.fe]
		switch {
		case n == nil:
			continue
		case s.tunnelFrames:
			n.WebSockets++
		case s.tunnel:
			n.Tunnels++
		}
		n.All++
	}
}

// mostLeavers bounds the lists of tunnels that are kept: one that is not asked for any
// more, since its drain has ended, goes with the others and is made again if need be.
const mostLeavers = 8

// ease ends so many tunnels of who leaves. They are looked up once and not at every
// turn: a loop may have many thousands.
func (c *Carrier) ease(who leaving, e backend.Ease) {
	list := c.leavers[who]
	if len(list) == 0 {
		list = c.find(func(s *Stream) bool { return who.has(s) && s.tunnel })
	}
	stay := list[:0]
	for _, d := range list {
		left := &e.Tunnels
		if d.valid() && d.s.tunnelFrames {
			left = &e.WebSockets
		}
		switch {
		case !d.valid():
		case *left <= 0, d.s.tunnelFrames && !e.Forced && !d.s.quiet():
			stay = append(stay, d)
		default:
			*left--
			d.s.depart(e.Tally)
		}
	}
	if len(stay) == 0 {
		delete(c.leavers, who)
		return
	}
	if c.leavers == nil || len(c.leavers) >= mostLeavers && c.leavers[who] == nil {
		c.leavers = map[leaving][]doom{}
	}
	c.leavers[who] = stay
}

// depart ends a stream at the word of a drain, and counts how. A request that
// is not answered yet goes on elsewhere if it may be sent again after a silence:
// its server lives, and may still execute what it has.
func (s *Stream) depart(t *backend.DrainTally) {
	if !s.begun && s.request != nil && s.srv != nil {
		b := s.back
		s.dropBack()
		s.car.Loop.StopTimer(s.timer)
		s.direct = false // the cookie holds nobody to a server that is left
		o := s.downed(b)
		if o.Kind == Reply {
			s.term[0] = 'K'
			t.Cut.Add(1)
		}
		s.run(o)
		return
	}
	s.part(t)
}

// part ends a stream for good, and counts how.
func (s *Stream) part(t *backend.DrainTally) {
	told := &t.Cut
	if f, ok := s.front.(Framed); ok && s.tunnelFrames && f.Between() {
		told = &t.Closed
	}
	told.Add(1)
	s.Kill('K')
}

// countTunnel counts n tunnels more at the server.
func (s *Stream) countTunnel(n int64) {
	of := s.srv.Tunnels
	if s.tunnelFrames {
		of = s.srv.WebSockets
	}
	l := s.car.Loop.Index()
	of.Add(l, n)
	if n > 0 && s.tunnelFrames && s.t.slot != 0 && s.t.reply != 0 {
		s.srv.Counters.Add(l, backend.Upgrades, 1)
		s.srv.Counters.Add(l, backend.UpgradeMicros, (s.t.reply-s.t.slot)/int64(time.Microsecond))
	}
}
