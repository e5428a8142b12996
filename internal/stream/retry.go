package stream

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/wire"
)

// retryPause is how long a retry on the same server waits at most, as
// HAProxy's does: a server that restarts gets a chance, and a refused connect
// does not become a storm. `timeout connect` shortens it.
const retryPause = time.Second

// Failed says that no connection came about: nothing was sent, so any request
// may be tried again.
func (l *Life) Failed(why Why) Order {
	l.fails++
	if why == MarkedDown {
		return l.again(true, false)
	}
	if l.retries <= 0 {
		if why != OwnFault {
			l.count(backend.ConnErrors)
		}
		if why == Timeout {
			return l.fail(503, 's', 'C')
		}
		return l.fail(503, 'S', 'C')
	}
	l.retries--
	// With `option redispatch` a refusal moves on at once: the server said no,
	// and waiting three seconds for it helps nobody. A timeout follows
	// HAProxy's schedule.
	move := l.mayMove(why == Refused)
	return l.again(move, !move && why != Timeout)
}

// mayMove says whether the next try goes to another server.
func (l *Life) mayMove(proven bool) bool {
	n := l.cfg.Redispatch
	switch {
	case n == 0:
		return !l.srv.State().Persists() // the cookie's server went down meanwhile
	case proven:
		return true
	case n < 0:
		return l.retries < -n
	}
	return l.fails%n == 0
}

// again leads to the next try, elsewhere or on the same server.
func (l *Life) again(move, pause bool) Order {
	if move {
		l.leave()
		l.args.Avoid = l.srv
		o := l.pickOther()
		return o
	}
	l.count(backend.Retries)
	if pause {
		d := retryPause
		if t := l.cfg.Timeouts.Connect; t > 0 && t < d {
			d = t
		}
		return Order{Kind: Pause, Delay: d}
	}
	return Order{Kind: Connect, Srv: l.srv, Fresh: true}
}

func (l *Life) pickOther() Order {
	before, persist := l.srv, l.persist
	o := l.pick()
	l.persist = persist
	if o.Kind == Connect {
		l.direct = false
		if o.Srv == before {
			l.count(backend.Retries)
			o.Fresh = true
			d := min(retryPause, max(l.cfg.Timeouts.Connect, time.Millisecond))
			return Order{Kind: Pause, Delay: d}
		}
		l.moved = true
		before.Counters.Add(l.loop, backend.Redispatches, 1)
		l.be.Counters.Add(l.loop, backend.Redispatches, 1)
	}
	return o
}

// Paused says that the pause before a retry is over.
func (l *Life) Paused() Order {
	if !l.srv.State().Persists() && l.cfg.Redispatch != 0 {
		l.leave()
		l.args.Avoid = l.srv
		return l.pickOther()
	}
	return Order{Kind: Connect, Srv: l.srv, Fresh: true}
}

// Lost says that the server's connection ended after the request was sent and
// before its reply came whole enough to be passed on. reused: the connection
// had carried a request before, so that the server may just have closed it.
func (l *Life) Lost(why Why, reused, kept bool) Order {
	if why == MarkedDown {
		return l.fail(503, 'D', 'H')
	}
	if kept && l.safe && !l.begun && why == Reset && l.retries > 0 {
		l.retries--
		l.phase = 'C'
		if reused {
			l.count(backend.Retries)
			return Order{Kind: Connect, Srv: l.srv, Fresh: true}
		}
		if l.mayMove(true) {
			l.count(backend.RespErrors)
			return l.again(true, false)
		}
	}
	l.count(backend.RespErrors)
	switch why {
	case Timeout:
		return l.fail(504, 's', 'H')
	case Garbage:
		return l.fail(502, 'P', 'H')
	}
	l.count(backend.ServerAborts)
	return l.fail(502, 'S', 'H')
}

// idempotent says that sending the request twice does what sending it once
// does (RFC 9110 §9.2.2).
func idempotent(m wire.Method) bool {
	switch m {
	case wire.MethodGet, wire.MethodHead, wire.MethodOptions, wire.MethodPut, wire.MethodDelete:
		return true
	}
	return false
}
