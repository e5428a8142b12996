package h1

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// mostOwn is how many idle connections a client keeps for itself, as HAProxy's
// max-session-srv-conns does where it is not given.
const mostOwn = 5

// A pool is what one loop has of connections to one server.
type pool struct {
	p    *Plane
	srv  *backend.Server
	idle []*back // newest last: the newest is the least likely to be closed by its server
	// The sizes that say how many are worth keeping.
	used  int // carrying a request
	asked int // of other loops, and not answered yet
	most  int // at once since the last purge
	need  int // at once, as far as the recent past tells
	life  lifetime
	timer *loop.Timer
	timed bool // a purge is due
}

func (p *Plane) pool(srv *backend.Server) *pool {
	for srv.Index >= len(p.pools) {
		p.pools = append(p.pools, nil)
	}
	l := p.pools[srv.Index]
	if l == nil {
		l = &pool{p: p, srv: srv}
		l.timer = p.loop.Timer(l.purge)
		p.pools[srv.Index] = l
	}
	return l
}

// kept takes an idle connection to srv that looks alive: the client's own, else
// the newest that http-reuse allows. name is the one that the server is to have
// been asked for by SNI.
func (p *Plane) kept(s *stream.Stream, srv *backend.Server, name []byte) *back {
	if b := own(s, srv, name); b != nil {
		return b
	}
	l, n := p.pool(srv), needs(s)
	for b := l.newest(n, name); b != nil; b = l.newest(n, name) {
		if b.fit(s) {
			return b
		}
		b.c.Close()
	}
	return nil
}

// fit says whether an idle connection may carry s. What the kernel has told by
// this turn is always looked at. The look that sees what came since is a system
// call of 0.35 µs, a thirtieth of all that a small request costs: it is taken for
// requests that may not be sent twice, and for those with a body that is still to
// come. Others need none: should the server have closed just now, they go out
// again on a fresh connection.
func (b *back) fit(s *stream.Stream) bool {
	if b.epoch != b.srv.Epoch() {
		return false
	}
	return s.Repeatable() && b.c.Idle() || b.c.Peek() && !over(b.idles(), &b.srv.IdleLimit)
}

// own takes a connection that belongs to the client of s.
func own(s *stream.Stream, srv *backend.Server, name []byte) *back {
	c := s.Client()
	for i, k := range c.Own() {
		b, ok := k.(*back)
		if !ok || b.srv != srv || b.c.ServerName() != string(name) {
			continue
		}
		c.Take(i)
		b.owner = nil
		if b.fit(s) {
			return b
		}
		b.c.Close()
		break
	}
	return nil
}

// give makes b its client's own and says whether there was room.
func (b *back) give(c *stream.Client) bool {
	if len(c.Own()) >= mostOwn {
		return false
	}
	c.Keep(b, b.srv)
	b.owner, b.left = c, b.p.loop.Now()
	b.c.SetDeadline(0)
	return true
}

// wants says whether a connection that has become idle is worth keeping, by
// HAProxy's rule: one for each loop, and no more than are used at once.
func (l *pool) wants() bool {
	cfg := l.srv.Config()
	fds := l.p.descriptors()
	switch {
	case cfg.PoolPurgeDelay <= 0, cfg.PoolMaxConn >= 0 && int(l.srv.IdleConns.Load()) >= cfg.PoolMaxConn, fds >= l.p.highFDs:
		return false
	case len(l.idle) == 0:
		return true
	}
	return fds < l.p.lowFDs && l.used+len(l.idle) <= max(l.used, l.need)+cfg.PoolLowConn
}

func (l *pool) put(b *back) {
	l.idle = append(l.idle, b)
	l.srv.IdleConns.Add(l.p.loop.Index(), 1)
	b.left = l.p.loop.Now()
	b.c.SetDeadline(0)
	if !l.timed {
		l.timed = true
		l.p.loop.SetTimer(l.timer, l.delay())
	}
}

// leastPurge keeps a purge delay of microseconds from busying the loop.
const leastPurge = time.Millisecond

func (l *pool) delay() time.Duration { return max(l.srv.Config().PoolPurgeDelay, leastPurge) }

func (l *pool) remove(i int) {
	l.idle = slices.Delete(l.idle, i, i+1)
	l.srv.IdleConns.Add(l.p.loop.Index(), -1)
}

// purge closes half of the connections beyond what was needed lately, the
// oldest first, and lets what is thought to be needed follow (pool-purge-delay).
func (l *pool) purge() {
	surplus := l.used + len(l.idle) - max(l.most, l.need)
	if l.need > l.most {
		l.need = (l.need + l.most) / 2
	}
	if l.srv.State().Removed {
		l.sweep()
		return
	}
	l.most = l.used
	for surplus = (surplus + 1) / 2; surplus > 0 && len(l.idle) > 0; surplus-- {
		l.drop(0)
	}
	if l.timed = len(l.idle) > 0; l.timed {
		l.p.loop.SetTimer(l.timer, l.delay())
	}
}

// Sweep closes the idle connections of servers that a reload has removed, and
// forgets those servers: their number has no bound. It runs on the loop.
func (p *Plane) Sweep() {
	for _, l := range p.pools {
		if l != nil && l.srv.State().Removed {
			l.sweep()
		}
	}
}

// sweepAgain is when a removed server is looked at again that has streams left.
const sweepAgain = 10 * time.Second

func (l *pool) sweep() {
	for len(l.idle) > 0 {
		l.drop(0)
	}
	if l.timed = l.used+l.asked > 0; l.timed {
		l.p.loop.SetTimer(l.timer, sweepAgain)
		return
	}
	l.p.loop.StopTimer(l.timer)
	if l.p.pools[l.srv.Index] == l {
		l.p.pools[l.srv.Index] = nil
	}
}

func (l *pool) drop(i int) {
	b := l.idle[i]
	l.remove(i)
	b.c.Close()
}

// begin and end count the connections that carry a request.
func (l *pool) begin() {
	l.used++
	if l.used > l.most {
		l.most = l.used
		l.need = max(l.need, l.most)
	}
}

func (l *pool) end() { l.used-- }

// descriptors is an estimate of those that the process has open: the loops have
// about the same share.
func (p *Plane) descriptors() int { return int(p.loop.Stats.Conns.Load()) * p.env.Loops }

// makeRoom closes an idle connection where descriptors are short and a new one
// is about to be opened (tune.pool-high-fd-ratio).
func (p *Plane) makeRoom() {
	if p.descriptors() >= p.highFDs {
		p.dropIdle()
	}
}

// dropIdle closes an idle connection to some server and says whether there was one.
func (p *Plane) dropIdle() bool {
	for _, l := range p.pools {
		if l != nil && len(l.idle) > 0 {
			l.drop(0)
			return true
		}
	}
	return false
}

// noDescriptor says that the process or the system has no descriptor left.
func noDescriptor(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// The shares of the descriptors where tune.pool-low-fd-ratio and
// tune.pool-high-fd-ratio are not given, in percent, as in HAProxy.
const (
	defaultLowFDs  = 20
	defaultHighFDs = 25
)

// fdLimits are the descriptors in use from which on fewer and no idle
// connections are kept.
func fdLimits(t *config.Tuning) (low, high int) {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil || r.Cur > math.MaxInt32 {
		return math.MaxInt, math.MaxInt
	}
	return int(r.Cur) * cmp.Or(t.LowFDPercent, defaultLowFDs) / 100, int(r.Cur) * cmp.Or(t.HighFDPercent, defaultHighFDs) / 100
}
