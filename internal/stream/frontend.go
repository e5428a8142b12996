// Package stream decides the life of one request and its reply, and carries
// the decisions out between a front (the client's side) and a back (a
// server's side, or an answer made inside).
//
// The decisions (Life) do no I/O: an event comes in, an Order goes out. Stream
// obeys the orders over the two interfaces that a plane implements. Retry,
// redispatch, cookies, counters and log records exist here once, whatever the
// protocol of either side.
package stream

import (
	"log/slog"
	"sync/atomic"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// Env is what all streams of the process share.
type Env struct {
	Loops   int
	Hub     *logs.Hub
	Log     *slog.Logger
	Conns   backend.Gauge // client connections of the process
	MaxConn atomic.Int64
	Total   *backend.Counters
	nextID  atomic.Uint64
}

// A Switch is one use_backend line with its backend found.
type Switch struct {
	Cond    *rule.Cond
	Backend *backend.Backend
}

// Rules is what a frontend does with requests. A reload makes another one and
// swaps it; a stream keeps the one that it started with.
type Rules struct {
	Cfg      *config.Proxy
	Switches []Switch
	Default  *backend.Backend   // nil: 503
	Services map[string]Service // of use-service and stats, by name
}

// choose finds the backend of a request or connection; nil: there is none.
func (r *Rules) choose(x *rule.Ctx) *backend.Backend {
	for i := range r.Switches {
		if r.Switches[i].Cond.Match(x) {
			return r.Switches[i].Backend
		}
	}
	return r.Default
}

// A Frontend receives client connections. All fields but the rules live as
// long as the process, across reloads.
type Frontend struct {
	Name     string
	Env      *Env
	Counters *backend.Counters
	Cur      backend.Gauge // client connections
	Times    *backend.Times
	rules    atomic.Pointer[Rules]
}

// NewFrontend makes a frontend; Apply must follow before it accepts.
func NewFrontend(name string, env *Env) *Frontend {
	return &Frontend{Name: name, Env: env, Counters: backend.NewCounters(env.Loops), Times: backend.NewTimes(env.Loops)}
}

// Apply swaps the rules, at start and at reload.
func (f *Frontend) Apply(r *Rules) { f.rules.Store(r) }

// Rules are those in force now.
func (f *Frontend) Rules() *Rules { return f.rules.Load() }
