package stream

import (
	"bascule/internal/backend"
	"bascule/internal/config"
)

// A Socket counts what comes through one bind that has a maxconn or whose
// frontend has option socket-stats. It lives as long as the bind does, across
// reloads.
type Socket struct {
	Counters *backend.Counters
	Cur      backend.Gauge // client connections
}

// NewSocket makes the counters of a bind.
func NewSocket(loops int) *Socket { return &Socket{Counters: backend.NewCounters(loops)} }

// Count adds one to a counter; a nil Socket counts nothing.
func (s *Socket) Count(loop int, k backend.Counter) {
	if s != nil {
		s.Counters.Add(loop, k, 1)
	}
}

// A Bound is a bind of the configuration in force with its counters.
type Bound struct {
	*Socket
	Bind *config.Bind
}

// SetBounds says which binds of the frontend are shown apart, in the order of
// the file; none without option socket-stats.
func (f *Frontend) SetBounds(list []Bound) { f.bounds.Store(&list) }

// Bounds are the binds that are shown apart.
func (f *Frontend) Bounds() []Bound {
	if list := f.bounds.Load(); list != nil {
		return *list
	}
	return nil
}

// countIn adds one to a counter of the frontend, and of the client's bind.
func (s *Stream) countIn(k backend.Counter) {
	l := s.car.Loop.Index()
	s.fe.Counters.Add(l, k, 1)
	s.info.Of.Count(l, k)
}
