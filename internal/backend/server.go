package backend

import (
	"net/netip"
	"sync/atomic"
	"time"

	"bascule/internal/balance"
	"bascule/internal/cert"
	"bascule/internal/config"
	"bascule/internal/loop"
)

// A Server is one server of a backend. It keeps its identity across reloads as
// long as its name stays.
type Server struct {
	Name  string
	Index int // counted up in the process, never used twice: for the loops' own tables

	Counters *Counters
	Times    *Times
	Latency  *Latency
	Rate     Rate

	_       [cacheLine]byte
	Cur     Gauge         // streams that have a slot
	Queue   Gauge         // streams waiting for this very server
	left    int           // streams that were granted a slot from this queue; of queues.mu
	touched atomic.Uint64 // when its load changed last, for leastconn
	_       [cacheLine]byte

	WebSockets  *Tally       // tunnels of frames
	Tunnels     *Tally       // others
	IdleConns   *Tally       // connections that anybody's request may use next
	LastSession atomic.Int64 // unix seconds of the last stream, 0: none
	IdleLimit   atomic.Int64 // nanoseconds behind which the server ends idle connections, as learnt; 0: not known

	b      *Backend
	cfg    atomic.Pointer[config.Server]
	target atomic.Pointer[loop.Target]
	tls    atomic.Pointer[cert.Client]
	cookie atomic.Pointer[string]
	state  atomic.Pointer[State]
	limit  atomic.Int64 // maxconn of the line, 0: none
	ramp   atomic.Int64 // the part of it that slowstart leaves, in percent
	epoch  atomic.Uint32
	began  effects            // of its state file
	probe  chan time.Duration // a check is due within that

	senses
	shunning
	unshaken unshaken
	warming  warming // of Run

	tracked  atomic.Pointer[Server]    // the server that this one follows
	trackers atomic.Pointer[[]*Server] // those that follow this one
	probeAt  atomic.Pointer[ProbeAt]
	at       atomic.Pointer[netip.AddrPort] // set at run time; nil: as the line says
	ssl      atomic.Pointer[bool]           // likewise: whether there is TLS
}

// indexes counts the servers of the process.
var indexes atomic.Int64

func newServer(b *Backend, c *config.Server, now time.Time) *Server {
	s := &Server{Name: c.Name, Index: int(indexes.Add(1) - 1), b: b,
		Counters: NewCounters(b.env.Loops), Times: NewTimes(b.env.Loops), Latency: NewLatency(b.env.Loops), IdleConns: newTally(b.env.Loops),
		WebSockets: newTally(b.env.Loops), Tunnels: newTally(b.env.Loops),
		probe: make(chan time.Duration, 1)}
	s.ears, s.chase = make([]Ear, b.env.Loops+1), make(chan struct{}, 1)
	s.cfg.Store(c)
	s.locate(c)
	s.tls.Store(c.TLS)
	s.setCookie(c, b.cfg.Load())
	s.probeAt.Store(probeAtOf(c))
	s.attend(c, b.cfg.Load())
	params := s.params(c, b.cfg.Load())
	for to := c.Track; to != nil; to = to.Track {
		params.follows = params.follows || to.Disabled
	}
	st := first(params, now)
	if c.Saved != nil {
		st, s.began = after(st, restored(*c.Saved), now)
	}
	s.state.Store(&st)
	s.limit.Store(int64(c.MaxConn))
	s.ramp.Store(100)
	return s
}

// params is what the state takes from the configuration.
func (s *Server) params(c *config.Server, p *config.Proxy) serverParams {
	return serverParams{
		rise: max(c.Rise, 1), fall: max(c.Fall, 1), weight: c.Weight, slowStart: c.SlowStart,
		check: c.Check, disabled: c.Disabled, dynamic: dynamic(p),
		agent: c.Agent.Check, tracks: c.Track != nil, initState: c.InitState, maxconn: c.MaxConn, steady: steady(c, p),
		located: c.Addr.Kind != config.AddrTCP || c.Addr.IP.IsValid(),
	}
}

// steady is how long the rise checks of a server that is DOWN take, where option
// flap-damping is on for it.
func steady(c *config.Server, p *config.Proxy) time.Duration {
	if p.NoFlapDamping || !c.Check {
		return 0
	}
	every := c.Inter
	if c.FastInter > 0 { // between two checks that change the state
		every = c.FastInter
	}
	return time.Duration(max(c.Rise, 1)) * every
}

// locate takes over the address of a line and reports whether it is another one.
func (s *Server) locate(c *config.Server) (moved bool) {
	at := netip.AddrPortFrom(c.Addr.IP, uint16(c.Addr.Port))
	if set := s.at.Load(); set != nil {
		at = *set
	}
	now := &loop.Target{Addr: at, Unix: c.Addr.SocketName(),
		From: c.Source.From, Iface: c.Source.Iface, Options: c.Socket}
	was := s.target.Swap(now)
	if moved = was != nil && *was != *now; moved {
		s.IdleLimit.Store(0)
	}
	return moved
}

// secure takes over the TLS of a line and reports whether it is another one. The
// same settings stay the object that has the server's sessions.
func (s *Server) secure(c *config.Server) (changed bool) {
	now := c.TLS
	if on := s.ssl.Load(); on != nil && *on {
		now = c.AnyTLS
	} else if on != nil {
		now = nil
	}
	if s.tls.Load().Same(now) {
		return false
	}
	s.tls.Store(now)
	s.IdleLimit.Store(0)
	return true
}

// TLS is what connections to the server are secured with; nil: they are in the clear.
func (s *Server) TLS() *cert.Client { return s.tls.Load() }

// UseSSL is what "show servers state" says of TLS: 1 for with, 0 for without, -1
// where the line says so (no-ssl).
func (s *Server) UseSSL() int {
	switch {
	case s.TLS() != nil:
		return 1
	case s.ssl.Load() == nil && s.Config().NoSSL():
		return -1
	}
	return 0
}

// ID is the server's number in its backend: `id`, or its place in the file.
func (s *Server) ID() int { return s.cfg.Load().ID }

// Addr is where the server is; invalid if it has no address yet or a path.
func (s *Server) Addr() netip.AddrPort { return s.target.Load().Addr }

// Target is where connections to the server go.
func (s *Server) Target() *loop.Target { return s.target.Load() }

// ringKey is where the server's points on the ring begin, 0: by its id
// (HAProxy: hash-key).
func (s *Server) ringKey() uint32 {
	switch at := s.Addr(); s.Config().HashKey {
	case config.HashKeyAddr:
		return balance.AddrKey(at.Addr(), 0)
	case config.HashKeyAddrPort:
		return balance.AddrKey(at.Addr(), at.Port())
	}
	return 0
}

// Config is the server's line as of the last reload.
func (s *Server) Config() *config.Server { return s.cfg.Load() }

// Backend is the backend that the server belongs to.
func (s *Server) Backend() *Backend { return s.b }

// State is the server's state now.
func (s *Server) State() *State { return s.state.Load() }

// Epoch changes when idle connections of the server must not be used any more:
// it went down, into maintenance, or to another address. A connection is kept
// with the epoch that it was opened in.
func (s *Server) Epoch() uint32 { return s.epoch.Load() }

// Probe receives when a check of the server is due sooner than it would be: so
// much later. One receiver.
func (s *Server) Probe() <-chan time.Duration { return s.probe }

// hurry makes the next check due within d. Only Run's goroutine calls it.
func (s *Server) hurry(d time.Duration) {
	select {
	case sooner := <-s.probe:
		d = min(d, sooner)
	default:
	}
	s.probe <- d // never full: nobody else writes
}

// MaxConn is the number of slots in force, 0: no limit. It follows the backend's
// load between minconn and maxconn, and is lower during slowstart.
func (s *Server) MaxConn() int64 {
	limit := s.limit.Load()
	if limit == 0 {
		return 0
	}
	if least := int64(s.cfg.Load().MinConn); least > 0 {
		full := s.b.full.Load()
		if cur := s.b.Cur.Cur(); cur < full {
			limit = max(least, cur*limit/full)
		}
	}
	if percent := s.ramp.Load(); percent < 100 {
		return max(1, limit*percent/100)
	}
	return limit
}
