package stream

import (
	"slices"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// retryPause is how long a retry on the same server waits at most, as
// HAProxy's does: a server that restarts gets a chance, and a refused connect
// does not become a storm. `timeout connect` shortens it.
const retryPause = time.Second

// Failed says that no connection came about: nothing was sent, so any request
// may be tried again.
func (l *Life) Failed(why Why) Order {
	if why == MarkedDown {
		return l.failedDown()
	}
	if l.most <= 0 || l.cfg.Replay.RetryOn()&config.RetryConnFailure == 0 {
		return l.unreached(why)
	}
	if (why == Refused || why == Absent) && l.atOnce() {
		return l.next()
	}
	parts := why == Refused && !l.cfg.Replay.Scheduled
	if parts && l.resting() {
		return l.rest()
	}
	if l.retries <= 0 {
		return l.unreached(why)
	}
	l.retries--
	if l.mayMove() {
		return l.move(why)
	}
	l.count(backend.Retries)
	if why == Timeout || why == Absent {
		return Order{Kind: Dial, Srv: l.srv}
	}
	if parts {
		return l.rest()
	}
	return l.pause()
}

// unreached gives up because no server could be connected to.
func (l *Life) unreached(why Why) Order {
	if why != OwnFault {
		l.count(backend.ConnErrors)
	}
	if why == Timeout {
		return l.fail(503, 's', 'C')
	}
	return l.fail(503, 'S', 'C')
}

// failedDown is a server that was marked down while it was connected to, or
// while the stream paused for it.
func (l *Life) failedDown() Order {
	if l.most > 0 && !l.cfg.Replay.Off && !l.forced {
		if o, ok := l.round(); ok {
			return o
		}
	}
	return l.fail(503, 'D', l.phase)
}

// atOnce says whether a connection that was refused moves the request on
// without waiting: with option redispatch, where no cookie holds the client to
// the server, or where that server is down by now. The server said no, and
// waiting seconds for it helps nobody.
func (l *Life) atOnce() bool {
	return !l.cfg.Replay.Scheduled && !l.forced && !l.bound()
}

// bound says that the request must not leave its server: that of its cookie or
// of a rule, without option redispatch, and not known to be down.
func (l *Life) bound() bool {
	switch {
	case l.forced:
		return true
	case l.cfg.Redispatch != 0 || !l.srv.State().Persists():
		return false
	}
	return l.direct || l.cfg.Replay.Off
}

// next goes to a server that has not refused the request since the last pause.
func (l *Life) next() Order {
	if o, ok := l.round(); ok {
		return o
	}
	return l.unreached(Refused)
}

// round asks so many servers as there are retries; then the stream pauses, and
// all of them are asked again. ok is false when that has been done as often as
// there are retries, or no server is left that has not lost the request.
func (l *Life) round() (o Order, ok bool) {
	l.args.Avoid.Add(l.srv)
	if l.asked < l.most {
		l.asked++
		if o, ok := l.other(); ok {
			return o, true
		}
	}
	left := slices.ContainsFunc(l.be.Snapshot().Usable(), func(s *backend.Server) bool { return !l.lost.Has(s) })
	if !left || !l.resting() && l.retries <= 0 {
		return Order{}, false
	}
	if !l.resting() {
		l.retries--
		l.count(backend.Retries)
	}
	l.asked, l.anew = 0, true
	return l.rest(), true
}

// firstRests divide the pause of the first retry, in tenths: where all servers
// refused only for the blink of an eye, or the one that a cookie names, as a
// common restart or a rule of a firewall makes them, nobody waits for the whole
// of it.
var firstRests = [...]time.Duration{1, 3, 6}

// resting says that the pause of the first retry is not over.
func (l *Life) resting() bool { return l.rests > 0 && l.rests < len(firstRests) }

// rest waits for the next part of the first pause, or before a later try.
func (l *Life) rest() Order {
	o := l.pause()
	if l.rests < len(firstRests) {
		o.Delay = o.Delay * firstRests[l.rests] / 10
		l.rests++
	}
	return o
}

// pause waits before another try.
func (l *Life) pause() Order {
	d := retryPause
	if t := l.cfg.Timeouts.Connect; t > 0 && t < d {
		d = t
	}
	return Order{Kind: Pause, Delay: d}
}

// other chooses a server that has not failed the request; ok is false if there
// is none, and nothing has changed then.
func (l *Life) other() (o Order, ok bool) {
	c := l.unfailed()
	if c.Srv == nil && c.Wait == nil && l.be.Snapshot().Shunning() {
		l.args.Any = true // one that broke other requests is better than no answer
		c = l.unfailed()
		l.args.Any = false
	}
	if c.Srv == nil && c.Wait == nil {
		return Order{}, false
	}
	before := l.srv
	l.leave()
	l.direct = c.Direct
	if o = l.chosen(c); c.Full {
		l.from = before // it is left when there is a slot
	} else {
		l.left(before)
	}
	return o, true
}

// unfailed is a server that has not failed the request, or one to wait for;
// neither if there is none with room.
func (l *Life) unfailed() backend.Choice {
	c := l.be.Pick(&l.args)
	switch {
	case c.Srv != nil && l.args.Avoid.Has(c.Srv):
		c.Srv.Release(int(l.loop))
		c.Srv, c.Full, c.Wait = nil, true, l.shortest()
	case c.Full && (c.Wait == nil || !l.queues(c.Wait)):
		c.Wait = l.shortest()
	}
	return c
}

// left counts that the request goes to another server than before.
func (l *Life) left(before *backend.Server) {
	if l.srv == before {
		return
	}
	l.leftServer()
	before.Counters.Add(int(l.loop), backend.Redispatches, 1)
	l.be.Counters.Add(int(l.loop), backend.Redispatches, 1)
}

// shortest is the server with the shortest queue of those that have not failed
// the request, nil if all have or take no more (maxqueue). It is waited for by name: the queue for any
// server gives slots on those that have failed too.
func (l *Life) shortest() (srv *backend.Server) {
	sn := l.be.Snapshot()
	for _, s := range sn.Usable() {
		if l.queues(s) && !sn.Shuns(s, &l.args) && (srv == nil || s.Queue.Cur() < srv.Queue.Cur()) {
			srv = s
		}
	}
	return srv
}

// queues says that the request may wait for s, which has not failed it.
func (l *Life) queues(s *backend.Server) bool {
	most := s.Config().MaxQueue
	return !l.args.Avoid.Has(s) && (most == 0 || s.Queue.Cur() < int64(most))
}

// mayMove says whether the next try goes to another server, by HAProxy's
// schedule: where option redispatch says, and always where neither a cookie nor a
// key holds the client to this server.
func (l *Life) mayMove() bool {
	n, used := l.cfg.Redispatch, l.most-l.retries
	switch {
	case l.forced:
		return false
	case !l.cfg.Replay.Off && !l.srv.State().Persists():
		return true // it went down meanwhile
	case n == 0:
		return false
	case n > 0 && used%n == 0:
		return true
	case n < 0 && n != config.RedispatchByTurn:
		if every := l.most + 1 + n; every == 0 || used%every == 0 {
			return true
		}
	}
	return !l.cfg.Balance.Algorithm.Hashes() && !l.direct && l.be.Snapshot().Act > 1
}

// move redispatches as HAProxy does: to another server than the last, if there
// is one, else to the same again, behind a pause if it refused.
func (l *Life) move(why Why) Order {
	before, persist := l.srv, l.persist
	l.leave()
	l.args.Avoid = l.lost
	l.args.Avoid.Add(before)
	o := l.pick()
	l.persist = persist
	if o.Kind == Queue {
		l.from = before
	}
	if !o.Kind.connects() {
		return o
	}
	if l.lost.Has(o.Srv) { // which is all that is left
		return l.unreached(why)
	}
	l.direct = false
	if o.Srv != before {
		l.left(before)
		return o
	}
	l.count(backend.Retries)
	if o.Kind = Dial; why == Timeout || why == Absent {
		return o
	}
	return l.pause()
}

// leftServer says that the stream goes elsewhere than it was to go; a right
// cookie counts as that of a server that is down then.
func (l *Life) leftServer() {
	l.moved, l.direct = true, false
	if l.persist == backend.PersistValid {
		l.persist = backend.PersistDown
	}
}

// QueueFull says that srv's queue takes no more (maxqueue). Who was to go there
// by a cookie may go elsewhere with `option redispatch`; by the algorithm it
// would come to the same server again.
func (l *Life) QueueFull(srv *backend.Server) Order {
	if l.direct && !l.forced && l.cfg.Redispatch != 0 {
		o := l.chosen(l.be.Elsewhere(&l.args))
		l.direct = false
		if o.Kind.connects() && l.lost.Has(o.Srv) {
			return l.unreached(OwnFault)
		}
		if o.Srv != srv {
			l.leftServer()
			srv.Counters.Add(int(l.loop), backend.Redispatches, 1)
			l.be.Counters.Add(int(l.loop), backend.Redispatches, 1)
		}
		return o
	}
	l.count(backend.ConnErrors)
	return l.fail(503, 'S', 'Q')
}

// Paused says that the pause before a retry is over.
func (l *Life) Paused() Order {
	switch {
	case l.anew:
		l.anew = false
		l.args.Avoid = l.lost
		if o, ok := l.other(); ok {
			return o
		}
		return l.unreached(Refused)
	case !l.srv.State().Persists() && !l.forced && (l.cfg.Redispatch != 0 || !l.cfg.Replay.Off):
		return l.move(Refused)
	}
	return Order{Kind: Dial, Srv: l.srv}
}
