package backend

import (
	"net/netip"

	"bascule/internal/balance"
	"bascule/internal/config"
	"bascule/internal/wire"
)

// Args is what choosing a server depends on.
type Args struct {
	Req    *wire.Request // nil: no request, mode tcp
	Src    netip.Addr
	Cookie []byte  // value of the persistence cookie in the request; nil: none came
	Avoid  *Server // failed this request: not again while another is usable
	Loop   int
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
}

// Pick chooses a server and takes a slot on it, which Release gives back. It
// takes no lock and allocates nothing. It counts LBTotal, nothing else.
func (b *Backend) Pick(a *Args) Choice {
	sn := b.snap.Load()
	c := Choice{Persist: PersistOff}
	if sn.cookies != nil {
		if srv := sn.persistent(a, &c); srv != nil {
			return c.on(srv, b.slot(srv))
		}
	}
	if len(sn.usable) == 0 {
		return c
	}
	c = c.on(b.balance(sn, a))
	if c.Srv != nil {
		c.Srv.Counters.Add(a.Loop, LBTotal, 1)
		b.Counters.Add(a.Loop, LBTotal, 1)
	}
	return c
}

// persistent is the server that the client's cookie designates, nil if none
// does.
func (sn *Snapshot) persistent(a *Args, c *Choice) *Server {
	c.Persist = PersistNone
	if a.Cookie == nil {
		return nil
	}
	d := takeApart(a.Cookie)
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
	case h.srv == nil:
		c.Persist = PersistDown
		return nil
	}
	c.Persist = PersistValid
	if h.srv == a.Avoid {
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

// slot takes a slot on s, unless it is full or others wait.
func (b *Backend) slot(s *Server) bool {
	limit := s.MaxConn()
	if limit == 0 {
		s.Cur.Enter()
		return true
	}
	return s.Queue.Cur() == 0 && b.Queue.Cur() == 0 && s.Cur.EnterBelow(limit)
}

// balance chooses by the algorithm, for one usable server or more. slot says
// whether it took a slot; if not, srv is the one to wait for, nil: any.
func (b *Backend) balance(sn *Snapshot, a *Args) (srv *Server, slot bool) {
	if len(sn.usable) == 1 { // not hashed, and nothing else to turn to
		if s := sn.usable[0]; b.slot(s) {
			return s, true
		}
		return nil, false
	}
	switch sn.balance.Algorithm {
	case config.RoundRobin, config.StaticRR:
		return b.inTurn(sn, a.Avoid)
	case config.Source:
		return b.hashed(sn, balance.Source(a.Src), a.Avoid)
	case config.URI:
		if a.Req == nil {
			return b.inTurn(sn, a.Avoid)
		}
		key := sn.balance.URI.Key(a.Req.Target())
		return b.hashed(sn, balance.Hash(sn.balance.Func, key), a.Avoid)
	default:
		return b.byLoad(sn, a.Avoid)
	}
}

// inTurn takes the next of the sequence that has a slot.
func (b *Backend) inTurn(sn *Snapshot, avoid *Server) (*Server, bool) {
	at := b.turn.Add(1) - 1
	n := uint64(len(sn.sequence))
	// Servers are interleaved, so a few rounds see every one; a sequence can
	// be long, and walking all of it while all are full would be a waste.
	for k := range min(n, uint64(4*len(sn.usable))) {
		s := sn.usable[sn.sequence[(at+k)%n]]
		if s != avoid && b.slot(s) {
			return s, true
		}
	}
	for k := range len(sn.usable) {
		s := sn.usable[(int(at%uint64(len(sn.usable)))+k)%len(sn.usable)]
		if s != avoid && b.slot(s) {
			return s, true
		}
	}
	return nil, false
}

// hashed takes the server that a hash belongs to; if that one is full, the
// stream waits for it.
func (b *Backend) hashed(sn *Snapshot, hash uint32, avoid *Server) (*Server, bool) {
	if sn.balance.Avalanche {
		hash = balance.Avalanche(hash)
	}
	var s *Server
	switch {
	case sn.ring != nil && avoid == nil:
		s = sn.usable[sn.ring.Lookup(hash)]
	case sn.ring != nil:
		s = sn.usable[sn.ring.LookupIf(hash, func(i int) bool { return sn.usable[i] != avoid })]
	default:
		s = sn.usable[sn.table.Lookup(hash)]
		if s == avoid {
			s = sn.next(hash, avoid)
		}
	}
	return s, b.slot(s)
}

// next is the first server other than avoid after the slot of hash in the map.
func (sn *Snapshot) next(hash uint32, avoid *Server) *Server {
	slots := sn.table.Slots()
	at := int(hash % uint32(len(slots)))
	for k := range len(slots) {
		if s := sn.usable[slots[(at+k)%len(slots)]]; s != avoid {
			return s
		}
	}
	return avoid
}

// fewServers is how many servers are weighed without allocating.
const fewServers = 64

// byLoad asks leastconn, first or random; a server that fills up in between is
// left out and the question asked again.
func (b *Backend) byLoad(sn *Snapshot, avoid *Server) (*Server, bool) {
	var few [fewServers]balance.Load
	loads := few[:0]
	for i, s := range sn.usable {
		loads = append(loads, balance.Load{Served: int(s.Cur.Cur()), Queued: int(s.Queue.Cur()),
			Weight: sn.weights[i], Maxconn: int(s.MaxConn()), Avoid: s == avoid})
	}
	at := int(b.turn.Add(1)-1) & (1<<31 - 1)
	for range len(loads) {
		i := b.choose(sn, loads, at)
		if i < 0 {
			break
		}
		if s := sn.usable[i]; b.slot(s) {
			return s, true
		}
		loads[i].Avoid = true
	}
	return nil, false
}

// maxDraws is the most that balance random(N) draws; more gain nothing.
const maxDraws = 16

func (b *Backend) choose(sn *Snapshot, loads []balance.Load, at int) int {
	switch sn.balance.Algorithm {
	case config.LeastConn:
		return balance.LeastConn(loads, at)
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
