package backend

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"bascule/internal/config"
)

const (
	// shunAfter is how many requests in a row must break on a server, with no reply
	// between them, until others are sent elsewhere. Fewer can be one request that
	// kills what serves it and its replays; with more, more are lost.
	shunAfter = 5
	// probeEach is how many requests that were to go to a shunned server there are
	// for one that does: so few need no budget when they are sent again, and a
	// server with traffic worth shunning is back within moments.
	probeEach = 16
	// probeAnyAfter is how long only requests that may be sent again are probes. A
	// backend that serves nothing but POSTs loses one so often, and gets its server
	// back.
	probeAnyAfter = 10 * time.Second
	// reckonAfter is how much later a row is looked at than it is told of. Who gets
	// a request of the same turn of a loop does not depend on how fast Run is then,
	// and the simulation plays a seed twice alike.
	reckonAfter = 500 * time.Microsecond
)

// shunning is what is known of a server on which every request breaks while its
// checks pass, or have not spoken yet.
type shunning struct {
	run      atomic.Int32  // requests in a row that broke
	shunned  atomic.Bool   // written by Run
	turned   atomic.Uint32 // requests since the last probe that were to go there
	probedAt atomic.Int64  // unix nanoseconds
	since    time.Time     // of Run
}

// breaks says that a sight is proof that a request broke on its server: not
// silence, and nothing behind a reply's head.
func (k Sight) breaks() bool {
	return k == SawRefused || k == SawReset || k == SawClosed || k == SawBadHead
}

// reckon counts requests that broke in a row. Any reply ends the row, by status
// 500 too: who replies takes part. fast: option fast-detect listens. With mode tcp
// there are no replies to hear.
func (s *Server) reckon(k Sight, fast bool) {
	switch {
	case k == SawReply || k == SawStatus:
		if s.run.Load() != 0 && s.run.Swap(0) >= shunAfter {
			s.tellRow()
		}
	case fast && k.breaks() && s.b.Config().Mode == config.ModeHTTP:
		// Not only at once: it may have been the last one then.
		if s.run.Add(1)%shunAfter == 0 && !s.shunned.Load() {
			s.tellRow()
		}
	}
}

func (s *Server) tellRow() {
	time.AfterFunc(reckonAfter, func() { s.b.Do(reckoned{s}) }) // does not block
}

// reckoned says that a server may have to be shunned, or no longer.
type reckoned struct{ srv *Server }

func (e reckoned) apply(b *Backend) error {
	s, now := e.srv, time.Now()
	// The row as it is now: two loops may have told of both its ends at once.
	want := s.run.Load() >= shunAfter
	switch {
	case want == s.shunned.Load() || want && !b.mayShun(s, now):
		return nil
	case want:
		s.since = now
		s.turned.Store(0)
		s.probedAt.Store(now.UnixNano())
		s.Counters.Add(b.env.Loops, Shunned, 1)
	}
	s.shunned.Store(want)
	b.snap.Store(build(b.cfg.Load(), b.Servers()))
	if want && b.cfg.Load().Redispatch != 0 {
		b.redistribute(s)
	}
	b.wake()
	b.tellShunned(s, want, now)
	return nil
}

// tellShunned logs both ends.
func (b *Backend) tellShunned(s *Server, begins bool, now time.Time) {
	level, text := LevelWarning, fmt.Sprintf("Server %s/%s is shunned: %d requests in a row broke on it, and other servers take them (option fast-detect).",
		b.name, s.Name, shunAfter)
	if !begins {
		level, text = LevelNotice, fmt.Sprintf("Server %s/%s is not shunned any more: it has replied, after %dms (option fast-detect).",
			b.name, s.Name, now.Sub(s.since).Milliseconds())
	}
	b.env.Notify(level, text)
	if begins {
		b.env.Log.Warn(text)
	} else {
		b.env.Log.Info(text)
	}
}

// mayShun is the rule of mayFell: the last server in use stays, and no more than
// half of them are shunned and felled at once.
func (b *Backend) mayShun(s *Server, now time.Time) bool {
	sn := b.snap.Load()
	if !slices.Contains(sn.usable, s) {
		return false
	}
	out, back := b.outLately(s, now)
	shunned := 0
	for _, o := range sn.usable {
		if o.shunned.Load() {
			shunned++
		}
	}
	return mayBeFelled(len(sn.usable)-shunned, out+shunned, back) == mayFell
}

// pardon forgets what broke: the server went, came, or is at another address.
func (b *Backend) pardon(s *Server) {
	s.run.Store(0)
	if s.shunned.Swap(false) {
		b.snap.Store(build(b.cfg.Load(), b.Servers()))
	}
}

// shun lists those of the servers in use that are shunned, unless that is all.
func (sn *Snapshot) shun() {
	all, rest := 0, 0
	for i, s := range sn.usable {
		if all += sn.weights[i]; s.shunned.Load() {
			sn.shunned = append(sn.shunned, s)
		} else {
			rest += sn.weights[i]
		}
	}
	if len(sn.shunned) == len(sn.usable) {
		sn.shunned = nil
		return
	}
	sn.probeEach = probeEach
	if sn.balance.Algorithm == config.RoundRobin || sn.balance.Algorithm == config.StaticRR {
		// Who takes the next turn in place of that of a shunned server leaves out
		// another's: turns go round faster, and more of them are such.
		sn.probeEach = uint32((probeEach*all + rest - 1) / rest)
	}
}

// Shunning says that a server is shunned.
func (sn *Snapshot) Shunning() bool { return sn.shunned != nil }

// Shuns says that the request shall not go to s: that is shunned, and another
// server has not failed the request yet.
func (sn *Snapshot) Shuns(s *Server, a *Args) bool {
	return !a.Any && slices.Contains(sn.shunned, s) && slices.ContainsFunc(sn.usable, func(o *Server) bool {
		return !slices.Contains(sn.shunned, o) && !a.Avoid.Has(o)
	})
}

// probes says that a request which was to go to s, a shunned server, goes there,
// to see whether it replies again.
func (s *Server) probes(sn *Snapshot, a *Args) bool {
	n := s.turned.Add(1)
	if n < sn.probeEach || !a.Avoid.Empty() {
		return false
	}
	now := time.Now().UnixNano()
	if !a.Again && now-s.probedAt.Load() < int64(probeAnyAfter) || !s.turned.CompareAndSwap(n, 0) {
		return false
	}
	s.probedAt.Store(now)
	s.Counters.Add(a.Loop, ShunProbes, 1)
	return true
}

// elsewhere is balance while servers are shunned: what the algorithm gives
// without them, but for probes.
func (b *Backend) elsewhere(sn *Snapshot, a *Args, c Choice) Choice {
	if !a.turned || a.Any {
		c = c.on(b.balance(sn, a))
		srv := c.Srv
		if srv == nil {
			srv = c.Wait
		}
		if !sn.Shuns(srv, a) {
			return c
		}
		if c.Probe = c.Srv != nil && srv.probes(sn, a); c.Probe {
			return c
		}
		c = c.without(a)
	}
	failed := a.Avoid
	for _, s := range sn.shunned {
		a.Avoid.Add(s)
	}
	c = c.on(b.balance(sn, a))
	if a.Avoid = failed; c.Srv != nil && sn.Shuns(c.Srv, a) || c.Wait != nil && sn.Shuns(c.Wait, a) {
		c = c.without(a)
		c.Full = true // a slot of a server that replies is worth waiting for
	}
	return c
}

// without gives back the slot of a choice, and what it was.
func (c Choice) without(a *Args) Choice {
	if c.Srv != nil {
		c.Srv.Release(a.Loop)
	}
	c.Srv, c.Wait, c.Full = nil, nil, false
	return c
}

// turnsAway says that a client who was to go to srv by its cookie or by a rule
// goes elsewhere: with option redispatch, while srv is shunned.
func (sn *Snapshot) turnsAway(srv *Server, a *Args, c *Choice) bool {
	if !sn.redispatch || sn.stubborn || c.Forced || !sn.Shuns(srv, a) {
		return false
	}
	if c.Probe = srv.probes(sn, a); c.Probe {
		return false
	}
	a.turned = true
	return true
}
