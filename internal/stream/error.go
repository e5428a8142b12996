package stream

import (
	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
)

// Repeats says whether a reply of that status is thrown away and its request
// sent again (retry-on, or option replay-on-error), and where. kept: all of the
// request can be sent again.
func (l *Life) Repeats(status int, kept bool) (Order, bool) {
	r := &l.cfg.Replay
	if l.once || l.retries <= 0 || l.begun {
		return Order{}, false
	}
	if r.RetryOn() == config.RetryDefault || r.RetryOn()&config.RetryStatus(status) == 0 {
		return l.doubt(status, kept)
	}
	if !kept {
		l.refuse(logs.ReplayTooLarge, backend.ReplaysTooLarge)
		return Order{}, false
	}
	l.phase = 'C'
	if r.Off || r.Scheduled || l.bound() {
		return l.retry(), true
	}
	before := l.srv
	l.args.Avoid.Add(before)
	o, ok := l.other()
	if !ok {
		l.args.Avoid = l.lost
		return l.retry(), true
	}
	l.retries--
	l.note(wished, before)
	return o, true
}

// mayAsk says whether another server may be asked about an error of that status:
// what is safe always; what may be executed twice, where the error says that this
// server is done with it. 502 and 504 say that one behind it was lost or silent,
// which may execute a write later, see permits.
func (l *Life) mayAsk(status int) bool {
	switch status {
	case 500, 503:
		return l.repeats
	case 502, 504:
		return safe(l.asMethod) || l.repeats && l.cfg.Replay.OnSilence
	}
	return false
}

// doubt says whether a server's error is kept from the client and another server
// is asked instead, once: where errors are all that the server
// answers lately, and the last reply of the other one was none. Whatever becomes
// of that is the answer. An application that fails wherever it is asked shows in
// the other server's replies too, and is not asked twice for it then.
func (l *Life) doubt(status int, kept bool) (Order, bool) {
	if l.doubted || !kept || !l.mayAsk(status) || !l.cfg.Replay.OnError() || l.bound() || !l.srv.Errs(l.direct) {
		return Order{}, false
	}
	c := l.unerring()
	if c.Srv == nil {
		return Order{}, false // an error now is better than a place in a queue
	}
	if !l.afford(doubted) {
		c.Srv.Release(int(l.loop))
		return Order{}, false
	}
	before := l.srv
	l.lost.Add(before)
	l.args.Avoid.Add(before)
	l.leave()
	l.doubted, l.direct = true, c.Direct
	l.retries--
	o := l.chosen(c)
	l.left(before)
	l.note(doubted, before)
	return o, true
}

// unerring takes a slot on a server that has not failed the request and answers
// others well; none is waited for.
func (l *Life) unerring() backend.Choice {
	failed := l.args.Avoid
	l.args.Avoid.Add(l.srv)
	for _, s := range l.be.Snapshot().Usable() {
		if s.Erred() {
			l.args.Avoid.Add(s)
		}
	}
	var c backend.Choice
	if !l.failedAll() {
		c = l.be.Pick(&l.args)
	}
	if c.Srv != nil && (l.args.Avoid.Has(c.Srv) || c.Probe) {
		c.Srv.Release(int(l.loop))
		c.Srv = nil
	}
	l.args.Avoid = failed
	return c
}
