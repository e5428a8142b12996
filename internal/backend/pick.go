package backend

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"time"

	"bascule/internal/balance"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// Args is what choosing a server depends on.
type Args struct {
	Req     *wire.Request // nil: no request, mode tcp
	Src     netip.Addr
	Cookie  []byte   // value of the persistence cookie in the request; nil: none came
	Second  []byte   // that of a second such cookie; HAProxy looks at it if the first is of no use
	Avoid   Failures // those that failed this request: not again while another is usable
	Loop    int
	Idle    time.Duration // the client's pause before this request; a new connection is the longest
	Upgrade bool          // a tunnel is asked for
	Any     bool          // shunned servers too: no other has room
	Again   bool          // it may be sent again if its server breaks it: fit to probe a shunned one
	Ctx     *rule.Ctx     // for balance hash and bodies; nil: no key
	Prefer  []*Server     // taken before the algorithm is asked, unless it hashes; of any backend

	// The key's hash outlives the request's head.
	keyed, hasKey bool
	turned        bool // away from its server, which is shunned
	hash          uint32
	scratch       [maxName]byte
}

// A PersistState is what became of the client's cookie: the third letter of
// HAProxy's termination code.
type PersistState byte

// The letters.
const (
	PersistOff     PersistState = '-' // the backend has no cookie
	PersistNone    PersistState = 'N' // the client sent none
	PersistInvalid PersistState = 'I' // names no server
	PersistDown    PersistState = 'D' // names a server that is down: balanced anew
	PersistExpired PersistState = 'E' // older than maxidle: balanced anew
	PersistOld     PersistState = 'O' // older than maxlife: balanced anew
	PersistValid   PersistState = 'V'
	PersistUnused  PersistState = 'U' // there is one, but use-server chose, or ignore-persist says no
)

// A Choice is the answer of Pick. With Srv nil and Full false no server is
// available (503, "SC").
type Choice struct {
	Srv     *Server // a slot on it is taken
	Persist PersistState
	Direct  bool    // the cookie designated Srv or Wait
	Full    bool    // all slots are taken: Enqueue(Wait)
	Wait    *Server // with Full: the only server to wait for, nil: any
	// Refresh: the cookie is right, but its dates are not: insert it again
	// (fourth letter of the termination code: U), with First.
	Refresh bool
	First   int64 // unix seconds of the first visit by the cookie, 0: none
	Forced  bool  // force-persist: nothing is redispatched
	Ignored bool  // ignore-persist: no cookie is inserted
	Probe   bool  // Srv is shunned, and the request shows whether it replies again
}

// Pick chooses a server and takes a slot on it, which Release gives back. It
// takes no lock and allocates nothing. It counts LBTotal, nothing else.
func (b *Backend) Pick(a *Args) Choice {
	sn := b.snap.Load()
	c := Choice{Persist: PersistOff}
	if sn.ruled && a.Ctx != nil {
		if srv := sn.byRule(a, &c); srv != nil {
			return b.directed(sn, a, c, srv)
		}
	}
	if sn.cookies != nil && !c.Ignored {
		if srv := sn.persistent(a, &c); srv != nil {
			return b.directed(sn, a, c, srv)
		}
	}
	return b.balanced(sn, a, c)
}

// directed takes a slot on the one server that a stream may go to. The key is
// noted for a redispatch, when the request's head is gone.
func (b *Backend) directed(sn *Snapshot, a *Args, c Choice, srv *Server) Choice {
	if sn.balance.Algorithm.Hashes() {
		a.key(&sn.balance)
	}
	return c.on(srv, b.slot(srv))
}

// Elsewhere is Pick for a stream whose queue is full: by the algorithm only.
func (b *Backend) Elsewhere(a *Args) Choice {
	return b.balanced(b.snap.Load(), a, Choice{})
}

// balanced chooses by the algorithm.
func (b *Backend) balanced(sn *Snapshot, a *Args, c Choice) Choice {
	if len(sn.usable) == 0 {
		return c
	}
	if srv := b.preferred(sn, a); srv != nil {
		c = c.on(srv, true)
	} else if sn.shunned != nil {
		c = b.elsewhere(sn, a, c)
	} else {
		c = c.on(b.balance(sn, a))
	}
	if c.Srv != nil {
		c.Srv.Counters.Add(a.Loop, LBTotal, 1)
		b.Counters.Add(a.Loop, LBTotal, 1)
	}
	return c
}

// preferred takes a slot on one of the servers to prefer, if it can.
func (b *Backend) preferred(sn *Snapshot, a *Args) *Server {
	if sn.balance.Algorithm.Hashes() {
		return nil
	}
	for _, srv := range a.Prefer {
		if srv.b == b && slices.Contains(sn.usable, srv) && !slices.Contains(sn.shunned, srv) && b.slot(srv) {
			return srv
		}
	}
	return nil
}

// persistent is the server that the client's cookies designate, nil if none
// does.
func (sn *Snapshot) persistent(a *Args, c *Choice) *Server {
	c.Persist = PersistNone
	if a.Cookie == nil {
		return nil
	}
	srv := sn.designated(a, a.Cookie, c)
	if srv == nil && a.Second != nil {
		first := c.Persist
		if srv = sn.designated(a, a.Second, c); c.Persist == PersistInvalid {
			c.Persist = first
		}
	}
	return srv
}

// cookiePrefix ends the server's part of a cookie's value with cookie … prefix.
const cookiePrefix = '~'

// designated is the server that one cookie designates.
func (sn *Snapshot) designated(a *Args, value []byte, c *Choice) *Server {
	var d dated
	if sn.cookie.Prefix {
		d.value, _, _ = bytes.Cut(value, []byte{cookiePrefix})
	} else {
		d = takeApart(value)
	}
	if letter, aged := d.aged(sn.cookie); aged {
		c.Persist = letter
		return nil
	}
	c.First = d.first
	h, known := sn.cookies[string(d.value)]
	switch {
	case !known:
		c.Persist = PersistInvalid
		return nil
	case h.down:
		c.Persist = PersistDown
		if !sn.stubborn && !c.Forced {
			return nil
		}
	default:
		c.Persist = PersistValid
	}
	if h.leaves != nil && !c.Forced && h.leaves.moves(h.srv, sn, a, &d) {
		c.Persist = PersistDown
		return nil
	}
	if a.Avoid.Has(h.srv) {
		return nil
	}
	if sn.shunned != nil && sn.turnsAway(h.srv, a, c) {
		c.Persist = PersistDown
		return nil
	}
	c.Direct, c.Refresh = true, d.stale(sn.cookie)
	return h.srv
}

// on completes a choice with the server found; without a slot the stream waits
// for it, or for any if srv is nil.
func (c Choice) on(srv *Server, slot bool) Choice {
	if slot {
		c.Srv = srv
	} else {
		c.Wait, c.Full = srv, true
	}
	return c
}

// full says that a further stream would wait for s.
func (s *Server) full() bool {
	limit := s.MaxConn()
	return limit > 0 && (s.Queue.Cur() > 0 || s.Cur.Cur() >= limit)
}

// slot takes a slot on s, unless it is full or others wait.
func (b *Backend) slot(s *Server) bool {
	limit := s.MaxConn()
	if limit == 0 {
		s.Cur.Enter()
	} else if s.Queue.Cur() > 0 || b.Queue.Cur() > 0 || !s.Cur.EnterBelow(limit) {
		return false
	}
	s.touch()
	return true
}

// touch notes a change of load for leastconn, which takes equal servers in the
// order of their last ones.
func (s *Server) touch() {
	if s.b.ordered.Load() {
		s.touched.Store(s.b.turn.Add(1))
	}
}

// balance chooses by the algorithm, for one usable server or more. slot says
// whether it took a slot; if not, srv is the one to wait for, nil: any.
func (b *Backend) balance(sn *Snapshot, a *Args) (srv *Server, slot bool) {
	if len(sn.usable) == 1 && !sn.balance.Algorithm.Hashes() { // nothing else to turn to
		s := sn.usable[0]
		if b.slot(s) {
			return s, true
		}
		return nil, false
	}
	switch alg := sn.balance.Algorithm; {
	case alg == config.RoundRobin || alg == config.StaticRR:
		return inTurn(b, sn, sn.sequence, &a.Avoid)
	case alg.Hashes():
		if hash, ok := a.key(&sn.balance); ok {
			s := b.hashed(sn, hash, &a.Avoid)
			return s, b.slot(s) // a full server is waited for
		}
		return b.keyless(sn, &a.Avoid)
	default:
		return b.byLoad(sn, &a.Avoid)
	}
}

// fewServers is how many servers are weighed on the stack.
const fewServers = 64

// manyLoads are the memory of those who weigh more.
var manyLoads = sync.Pool{New: func() any { return new([]balance.Load) }}

// byLoad asks leastconn, first or random.
func (b *Backend) byLoad(sn *Snapshot, avoid *Failures) (*Server, bool) {
	if len(sn.usable) <= fewServers {
		var few [fewServers]balance.Load
		return b.weighed(sn, avoid, few[:len(sn.usable)])
	}
	many := manyLoads.Get().(*[]balance.Load)
	defer manyLoads.Put(many)
	*many = slices.Grow((*many)[:0], len(sn.usable))
	return b.weighed(sn, avoid, (*many)[:len(sn.usable)])
}

// weighed chooses with room for a load of each server; one that fills up in
// between is left out and the question asked again.
func (b *Backend) weighed(sn *Snapshot, avoid *Failures, loads []balance.Load) (*Server, bool) {
	for i, s := range sn.usable {
		loads[i] = balance.Load{Served: int(s.Cur.Cur()), Queued: int(s.Queue.Cur()),
			Weight: sn.weights[i], Maxconn: int(s.MaxConn()), Avoid: avoid.Has(s), Since: s.touched.Load()}
	}
	for range len(loads) {
		i := b.choose(sn, loads)
		if i < 0 {
			break
		}
		if s := sn.usable[i]; b.slot(s) {
			return s, true
		}
		loads[i].Avoid = true
	}
	return b.again(sn, avoid)
}

// maxDraws is the most that balance random(N) draws; more gain nothing.
const maxDraws = 16

func (b *Backend) choose(sn *Snapshot, loads []balance.Load) int {
	switch sn.balance.Algorithm {
	case config.LeastConn:
		return balance.LeastConn(loads)
	case config.First:
		return balance.First(loads)
	}
	var draws [maxDraws]uint32
	n := min(max(sn.balance.Draws, 1), maxDraws)
	for i := range n {
		draws[i] = uint32(b.env.Rand())
	}
	return balance.Random(sn.ring, loads, draws[:n]...)
}
