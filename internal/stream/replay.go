package stream

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// oneBuffer is what HAProxy keeps of a request for retry-on: what lies in one
// buffer of the usual size.
const oneBuffer = 16 << 10

// repeatable notes what may become of the request in x if its server fails.
func (l *Life) repeatable(x *rule.Ctx) {
	l.retries = l.cfg.Retries
	if l.marks != nil && l.marks.RetriesSet() {
		l.retries = l.marks.Retries
	}
	r := &l.cfg.Replay
	if r.Never() {
		l.retries = 0
	}
	l.most = l.retries
	l.whole = x.Req.Body == wire.BodyNone || x.BodyWhole
	l.once = l.marks != nil && l.marks.NoRetry()
	l.asMethod = x.Req.Method
	l.repeats = idempotent(x.Req.Method) || r.Keyed && keyed(x.Req)
}

// keyField names a request that a server executes once however often it comes.
var keyField = []byte("Idempotency-Key")

// keyed says that the request has a key of its own.
func keyed(r *wire.Request) bool {
	i := r.Find(keyField, 0)
	return i >= 0 && len(r.Value(&r.Fields[i])) > 0
}

// idempotent says that sending the request twice does what sending it once
// does (RFC 9110 §9.2.2).
func idempotent(m wire.Method) bool {
	return safe(m) || m == wire.MethodPut || m == wire.MethodDelete
}

// safe says that the request changes nothing (RFC 9110 §9.2.1), so that it does
// not matter when it is executed either.
func safe(m wire.Method) bool {
	return m == wire.MethodGet || m == wire.MethodHead || m == wire.MethodOptions
}

// fitsProbe says that nobody is harmed if the request goes to a server that
// breaks it: it is kept and sent again.
func (l *Life) fitsProbe(r *wire.Request) bool {
	return l.repeats && !l.once && l.retries > 0 && !l.cfg.Replay.Off &&
		(!hasBody(r) || r.Body == wire.BodyLength && r.Length <= int64(l.cfg.Replay.BodySize()))
}

// sending is the order to send the request, so that it can be sent again.
func (l *Life) sending() Order {
	r := &l.cfg.Replay
	l.felled, l.terms = false, terms{}
	switch {
	case l.most <= 0:
	case !r.Off:
		l.terms.keep = r.BodySize()
		if l.repeats && !l.once && l.retries > 0 {
			l.terms.hold = DefaultHold
		}
	case r.RetryOn()&^config.RetryConnFailure != 0 && !l.once:
		l.terms.keep = oneBuffer
	}
	return Order{Kind: Send}
}

// A permit says why a request may be sent again.
type permit uint8

const (
	forbidden permit = iota
	unsent           // the server provably did not take it
	repeated         // executing it twice does what executing it once does
	wished           // retry-on says so
	doubted          // a server answered with an error, as it did before, see doubt
)

// permits says whether a request whose server failed may be sent again.
func (l *Life) permits(e Evidence) permit {
	r := &l.cfg.Replay
	switch {
	case l.most <= 0 || l.begun:
		return forbidden
	case e.Unsent && e.Why == Reset && !r.Off:
		return unsent
	case l.once:
		return forbidden
	case l.retries > 0 && r.RetryOn()&eventOf(e.Why) != 0:
		return wished
	case r.Off || !l.repeats:
		return forbidden
	}
	switch e.Why {
	case Reset, Garbage:
		return repeated
	case Timeout, MarkedDown:
		// Silence is no proof of death: a server that was frozen executes a
		// write once it thaws, behind others that came later.
		if safe(l.asMethod) || r.OnSilence {
			return repeated
		}
	}
	return forbidden
}

// eventOf is the word of retry-on for a failure.
func eventOf(w Why) config.RetryEvent {
	switch w {
	case Reset:
		return config.RetryEmpty
	case Garbage:
		return config.RetryJunk
	case Timeout:
		return config.RetryTimeout
	}
	return 0
}

// Lost says that the server's connection ended after the request was sent and
// before its reply came whole enough to be passed on.
func (l *Life) Lost(e Evidence) Order {
	if l.felled && e.Why == Timeout {
		e.Why = MarkedDown
	}
	p := l.permits(e)
	if p != forbidden && !e.Kept {
		l.refuse(logs.ReplayTooLarge, backend.ReplaysTooLarge)
		p = forbidden
	}
	if p != forbidden {
		l.phase = 'C'
		if o, ok := l.replay(p, e); ok {
			return o
		}
	}
	return l.lostFor(e.Why)
}

// felledGrace is how long a request that must not be executed twice waits for
// its server that was marked down: a server that only fails its checks, or that
// an operator takes out, answers it meanwhile, and one that dies proves it.
const felledGrace = 2 * time.Second

// graceOf is felledGrace for a server that has been waited for already: nobody
// waits longer than its limit says, 0: any.
func graceOf(limit, waited time.Duration) time.Duration {
	if limit == 0 {
		return felledGrace
	}
	return min(felledGrace, max(limit-waited, 1))
}

// Felled says that the server was marked down while its reply was awaited. ok
// is false where nothing is to be done yet: the request may not be sent again
// until something proves that the server is dead, and waits for felledGrace.
func (l *Life) Felled(kept bool) (o Order, ok bool) {
	e := Evidence{Why: MarkedDown, Kept: kept}
	if l.most > 0 && !l.cfg.Replay.Off && !l.felled && (!kept || l.permits(e) == forbidden) {
		l.felled = true
		return Order{}, false
	}
	return l.Lost(e), true
}

// lostFor answers for a server that failed.
func (l *Life) lostFor(why Why) Order {
	if why == MarkedDown {
		return l.fail(503, 'D', 'H')
	}
	l.count(backend.RespErrors)
	switch why {
	case Timeout:
		return l.fail(504, 's', 'H')
	case Garbage:
		return l.fail(502, 'P', 'H')
	}
	return l.fail(502, 'S', 'H')
}

// replay sends the request again, if there is somebody to send it to.
func (l *Life) replay(p permit, e Evidence) (Order, bool) {
	if p == wished && (l.cfg.Replay.Off || l.cfg.Replay.Scheduled) {
		return l.retry(), true
	}
	if e.Reused && e.Why == Reset && l.srv.State().Persists() {
		return l.race(p), true
	}
	if p != wished && l.retries <= 0 {
		return Order{}, false
	}
	before := l.srv
	if l.bound() {
		if p != wished && (e.Why == Timeout || e.Why == MarkedDown) {
			return Order{}, false // it is as silent as before
		}
		if !l.afford(p) {
			return Order{}, false
		}
		l.retries--
		l.count(backend.Retries)
		l.note(p, before)
		return Order{Kind: Dial, Srv: l.srv}, true
	}
	l.lost.Add(before)
	l.args.Avoid.Add(before)
	if l.failedAll() {
		l.refuse(logs.ReplayNowhere, backend.ReplaysNowhere) // and the budget keeps its replay
		return Order{}, false
	}
	if !l.afford(p) {
		return Order{}, false
	}
	o, ok := l.other()
	if !ok {
		l.refuse(logs.ReplayNowhere, backend.ReplaysNowhere)
		return o, false
	}
	l.retries--
	before.Counters.Add(int(l.loop), backend.RespErrors, 1)
	l.be.Counters.Add(int(l.loop), backend.RespErrors, 1)
	l.note(p, before)
	return o, true
}

// failedAll says that no usable server is left that has not failed the request.
func (l *Life) failedAll() bool {
	for _, s := range l.be.Snapshot().Usable() {
		if !l.args.Avoid.Has(s) {
			return false
		}
	}
	return true
}

// race sends the request on a fresh connection of the same server: that a kept
// one ended as it was used is no failure of the server. It is free: a fresh one
// can end so too, but not by a race, so that this happens once, and for each time
// the kept connection has served a request before.
func (l *Life) race(p permit) Order {
	l.count(backend.Retries)
	l.count(backend.Races)
	l.replayed |= logs.ReplayRace
	l.note(p, l.srv)
	return Order{Kind: Dial, Srv: l.srv}
}

// afford says whether the budget has a replay for a request that its server may
// have taken. retry-on is the operator's own word and has no budget, as in
// HAProxy; a probe is one of few, and was sent there for the sake of others.
func (l *Life) afford(p permit) bool {
	if p == unsent || p == wished || l.probe || l.be.MayReplay() {
		return true
	}
	l.refuse(logs.ReplayRefused, backend.ReplaysRefused)
	return false
}

// note counts a replay, for the server that failed.
func (l *Life) note(p permit, srv *backend.Server) {
	k := backend.Replays
	switch p {
	case unsent:
		k = backend.ReplaysUnsent
		l.replayed |= logs.ReplayUnsent
	case doubted:
		l.replayed |= logs.ReplayError
		srv.Counters.Add(int(l.loop), backend.ReplaysError, 1)
		l.be.Counters.Add(int(l.loop), backend.ReplaysError, 1)
	default:
		l.replayed |= logs.ReplaySent
	}
	srv.Counters.Add(int(l.loop), k, 1)
	l.be.Counters.Add(int(l.loop), k, 1)
}

// refuse counts a request that is not sent again, and tells why in its log line.
func (l *Life) refuse(m logs.Replay, k backend.Counter) {
	l.replayed |= m
	l.count(k)
}

// retry sends the request again as HAProxy does for retry-on: to the same
// server, or where its schedule for redispatches leads.
func (l *Life) retry() Order {
	l.retries--
	l.note(wished, l.srv)
	if l.mayMove() {
		l.count(backend.Retries)
		return l.move(Timeout)
	}
	l.count(backend.Retries)
	return Order{Kind: Dial, Srv: l.srv}
}

// wrongSlot gives back a slot on a server that failed the request, and waits
// for another.
func (l *Life) wrongSlot() Order {
	l.leave()
	srv := l.shortest()
	if srv == nil { // the queue for any server may give that slot again at once
		if l.retries--; l.retries < 0 {
			return l.fail(503, 'S', 'Q')
		}
	}
	l.phase = 'Q'
	return Order{Kind: Queue, Srv: srv, Delay: l.queueTimeout()}
}
