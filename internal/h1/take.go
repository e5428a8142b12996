package h1

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// askFor is how long a request waits for another loop's connection: a loop that
// sleeps answers within microseconds, a busy one after its turn, and a turn
// that takes longer than this costs more than a dial.
const askFor = 2 * time.Millisecond

// Share lets planes take idle server connections from each other
// (tune.idle-pool.shared). It must be called before their loops run.
func Share(planes []*Plane) {
	if len(planes) < 2 {
		return
	}
	for _, p := range planes {
		p.planes = planes
	}
}

// A need is what a request could use of others' idle connections.
type need uint8

const (
	nothing  need = iota
	seasoned      // one that has been used again before
	anyIdle
)

// needs says which connections that others have used the stream may use
// (http-reuse). A client's first request has nobody to send it again should the
// connection turn out to be dead.
func needs(s *stream.Stream) need {
	switch policy := s.Reuse(); {
	case policy == config.ReuseNever:
		return nothing
	case policy == config.ReuseAlways || !s.First():
		return anyIdle
	case policy == config.ReuseAggressive:
		return seasoned
	}
	return nothing
}

func (n need) met(b *back) bool { return n == anyIdle || n == seasoned && b.used > 1 }

// worthAsking is HAProxy's rule for taking a connection from another thread:
// always while there is one, but not below pool-low-conn, which leaves every
// thread some, unless descriptors are short. idle are all of the server's idle
// connections less those that are asked for already.
func worthAsking(idle, low int, short bool) bool { return idle > 0 && (idle >= low || short) }

// A wait is that of a back for another loop's connection.
type wait struct {
	timer   *loop.Timer   // ends it
	connect time.Duration // the deadline of the connection that follows
}

// ask asks the loop with most idle connections to srv for one of them. nil:
// there is none, or it is not worth it. With TLS there is none: what crypto/tls
// knows of a connection stays on its loop.
func (p *Plane) ask(s *stream.Stream, srv *backend.Server) *back {
	n := needs(s)
	if p.planes == nil || n == nothing || srv.TLS() != nil {
		return nil
	}
	from, most := -1, int64(0)
	idle := -p.pool(srv).asked
	for i := range p.planes {
		k := srv.IdleConns.Of(i)
		idle += int(k)
		if i != p.loop.Index() && k > most {
			from, most = i, k
		}
	}
	if from < 0 || !worthAsking(idle, srv.Config().PoolLowConn, p.descriptors() >= p.lowFDs) {
		return nil
	}
	b := &back{p: p, srv: srv, c: p.absent, wait: new(wait)}
	b.wait.timer = p.loop.Timer(b.dialAtLast)
	p.loop.SetTimer(b.wait.timer, p.askFor)
	p.pool(srv).asked++
	b.start(s)
	lender, sure := p.planes[from], !s.Repeatable()
	lender.loop.Post(func() { lender.lend(p, b, srv, n, sure) })
	return b
}

// lend gives a connection to the plane that asked for it, or says that there is
// none. b is the asker's: it is only passed on. sure: not one that its server may
// end just now.
func (p *Plane) lend(to *Plane, b *back, srv *backend.Server, n need, sure bool) {
	for !srv.State().Removed { // whose pool is forgotten, and shall be
		k := p.pool(srv).newest(n, nil)
		if k == nil {
			break
		}
		if k.epoch == srv.Epoch() && k.c.Peek() && !(sure && over(k.idles(), &srv.IdleLimit)) && k.c.Move(to.loop, func(fd int) { to.arrived(b, k, fd) }) {
			return
		}
		k.c.Close()
	}
	to.loop.Post(func() { to.arrived(b, nil, -1) })
}

// newest takes an idle connection that n can use from the pool, to the server of
// that name; nil: there is none.
func (l *pool) newest(n need, name []byte) *back {
	for i := len(l.idle) - 1; i >= 0; i-- {
		if b := l.idle[i]; n.met(b) && b.c.ServerName() == string(name) {
			l.remove(i)
			return b
		}
	}
	return nil
}

// arrived takes what another loop gave for b: the socket of was, or -1. b may
// have dialled by now, or its request may be gone.
func (p *Plane) arrived(b, was *back, fd int) {
	l := p.pool(b.srv)
	l.asked--
	if was == nil {
		b.dialAtLast()
		return
	}
	late := b.wait == nil || b.s == nil
	if late {
		b = &back{p: p, srv: b.srv}
	}
	c, err := p.loop.Adopt(fd, b)
	if err != nil {
		b.dialAtLast()
		return
	}
	b.epoch, b.used = was.epoch, was.used
	switch {
	case !late:
		// Its handler goes on with it, in a turn of its own: should that panic,
		// the connection is what ends.
		b.c, b.taken = c, true
		c.SetDeadline(b.waited())
		c.Again()
	case p.soft || b.epoch != b.srv.Epoch() || !c.Peek() || !l.wants():
		c.Close()
	default:
		b.c = c
		l.put(b)
	}
}

// dialAtLast opens a connection because no other loop gave one in time.
func (b *back) dialAtLast() {
	if b.wait != nil {
		b.dialFor(b.waited())
	}
}

// waited ends the wait and gives the deadline of what follows.
func (b *back) waited() time.Duration {
	w := b.wait
	b.wait = nil
	b.p.loop.StopTimer(w.timer)
	return w.connect
}

func (b *back) dialFor(limit time.Duration) {
	if b.s == nil {
		return
	}
	b.used = 0
	if err := b.dial(); err != nil {
		b.c = b.p.absent
		b.leave().ServerFailed(stream.DialWhy(err))
		return
	}
	b.c.SetDeadline(limit)
	b.s.ServerDialled()
}

// use lets the request go over the connection that another loop gave. What
// came while it was under way is seen now.
func (b *back) use() {
	b.taken = false
	if b.epoch == b.srv.Epoch() && b.c.Peek() {
		b.s.ServerTaken()
		return
	}
	limit := b.c.Patience()
	b.c.Close()
	b.dialFor(limit)
}
