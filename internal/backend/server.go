package backend

import (
	"net/netip"
	"sync/atomic"
	"time"

	"bascule/internal/config"
)

// A Server is one server of a backend. It keeps its identity across reloads as
// long as its name stays.
type Server struct {
	Name  string
	Index int // counted up in the process, never used twice: for the loops' own tables

	Counters *Counters
	Times    *Times
	Rate     Rate

	_     [cacheLine]byte
	Cur   Gauge // streams that have a slot
	Queue Gauge // streams waiting for this very server
	_     [cacheLine]byte

	IdleConns   atomic.Int64
	LastSession atomic.Int64 // unix seconds of the last stream, 0: none

	b     *Backend
	cfg   atomic.Pointer[config.Server]
	addr  atomic.Pointer[netip.AddrPort]
	state atomic.Pointer[State]
	limit atomic.Int64 // maxconn in force, 0: none
	epoch atomic.Uint32
	probe chan struct{} // a check is due at once
}

// indexes counts the servers of the process.
var indexes atomic.Int64

func newServer(b *Backend, c *config.Server, now time.Time) *Server {
	s := &Server{Name: c.Name, Index: int(indexes.Add(1) - 1), b: b,
		Counters: NewCounters(b.env.Loops), Times: NewTimes(b.env.Loops),
		probe: make(chan struct{}, 1)}
	s.cfg.Store(c)
	s.locate(c)
	st := first(s.params(c, b.cfg.Load()), now)
	s.state.Store(&st)
	s.limit.Store(int64(c.MaxConn))
	return s
}

// params is what the state takes from the configuration.
func (s *Server) params(c *config.Server, p *config.Proxy) serverParams {
	return serverParams{
		rise: max(c.Rise, 1), fall: max(c.Fall, 1), weight: c.Weight, slowStart: c.SlowStart,
		check: c.Check, disabled: c.Disabled, dynamic: dynamic(p),
		located: c.Addr.Kind != config.AddrTCP || c.Addr.IP.IsValid(),
	}
}

// locate takes over the address of a line and reports whether it is another one.
func (s *Server) locate(c *config.Server) (moved bool) {
	now := netip.AddrPortFrom(c.Addr.IP, uint16(c.Addr.Port))
	was := s.addr.Swap(&now)
	return was != nil && *was != now
}

// ID is the server's number in its backend: `id`, or its place in the file.
func (s *Server) ID() int { return s.cfg.Load().ID }

// Addr is where the server is; invalid if it has no address yet or a path.
func (s *Server) Addr() netip.AddrPort { return *s.addr.Load() }

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

// Probe receives when a check of the server is due at once. One receiver.
func (s *Server) Probe() <-chan struct{} { return s.probe }

// MaxConn is the number of slots in force, 0: no limit. It is lower than the
// file's during slowstart, and follows the backend's load between minconn and
// maxconn if fullconn is set.
func (s *Server) MaxConn() int64 {
	limit := s.limit.Load()
	if limit == 0 {
		return 0
	}
	c := s.cfg.Load()
	full := int64(s.b.cfg.Load().FullConn)
	if c.MinConn == 0 || full == 0 {
		return limit
	}
	if cur := s.b.Cur.Cur(); cur < full {
		return min(limit, max(int64(c.MinConn), cur*int64(c.MaxConn)/full))
	}
	return limit
}
