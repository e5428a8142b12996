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
	"bascule/internal/loop"
	"bascule/internal/rule"
)

// Env is what all streams of the process share.
type Env struct {
	Loops   int
	Hub     *logs.Hub
	Log     *slog.Logger
	Conns   backend.Gauge // client connections of the process
	MaxConn atomic.Int64
	Buffer  atomic.Int64 // tune.bufsize: what is kept of a body; 0: HAProxy's 16 KiB
	Total   *backend.Counters
	Shakes  *loop.Handshakes // with servers; nil: each plane has its own

	Kept      atomic.Int64 // bytes of memory for bodies that can be sent again
	KeepTotal atomic.Int64 // the most of them; 0: DefaultKeepTotal, below: none

	nextID, badMessages atomic.Uint64
}

// BufSize is the most bytes that are kept of a body.
func (e *Env) BufSize() int {
	if n := e.Buffer.Load(); n > 0 {
		return int(n)
	}
	return 16 << 10
}

// A Switch is one use_backend line with its backend found.
type Switch struct {
	Cond    *rule.Cond
	Backend *backend.Backend
	Name    *rule.Format // gives the name of the backend; nil: it is Backend
}

// Rules is what a frontend does with requests. A reload makes another one and
// swaps it; a stream keeps the one that it started with.
type Rules struct {
	Cfg      *config.Proxy
	Switches []Switch
	Default  *backend.Backend            // nil: 503
	Services map[string]Service          // of use-service and stats, by name
	Backends map[string]*backend.Backend // by name, for use_backend with values in the name
	World    rule.World                  // of proxies and servers, for fetches; nil: nothing is known

	reqLens, resLens []int // of the capture slots
}

// NewRules makes the rules of the frontend px with its backends found by name.
func NewRules(px *config.Proxy, find func(name string) *backend.Backend, services map[string]Service) *Rules {
	r := &Rules{Cfg: px, Services: services}
	for _, c := range px.Captures {
		if c.Response {
			r.resLens = append(r.resLens, c.Len)
		} else {
			r.reqLens = append(r.reqLens, c.Len)
		}
	}
	for _, s := range px.UseBackend {
		if s.Backend == nil {
			r.Switches = append(r.Switches, Switch{Cond: s.Cond, Name: s.Name})
			continue
		}
		r.Switches = append(r.Switches, Switch{Cond: s.Cond, Backend: find(s.Backend.Name)})
	}
	switch {
	case px.DefaultBackend != nil:
		r.Default = find(px.DefaultBackend.Name)
	case px.Backend:
		r.Default = find(px.Name)
	}
	return r
}

// choose finds the backend of a request or connection; nil: there is none.
func (r *Rules) choose(x *rule.Ctx) *backend.Backend {
	for i := range r.Switches {
		sw := &r.Switches[i]
		if !sw.Cond.Match(x) {
			continue
		}
		if sw.Name == nil {
			return sw.Backend
		}
		if b := r.Backends[string(sw.Name.Eval(x))]; b != nil {
			return b
		}
		break // HAProxy looks no further once a line has matched
	}
	return r.Default
}

// defaultName is the name of the default backend, "" without one.
func (r *Rules) defaultName() string {
	if r.Default == nil {
		return ""
	}
	return r.Default.Name()
}

// A Frontend receives client connections. All fields but the rules live as
// long as the process, across reloads.
type Frontend struct {
	Name       string
	Env        *Env
	Counters   *backend.Counters
	Cur        backend.Gauge    // client connections
	Came       backend.Throttle // and when they came, for rate-limit sessions
	Latency    *backend.Latency
	BadRequest atomic.Pointer[backend.BadMessage] // the last one; nil: none
	limit      atomic.Int64                       // maxconn set at run time, 0: as the file says
	stage      atomic.Int32                       // a Stage
	rules      atomic.Pointer[Rules]
	bounds     atomic.Pointer[[]Bound]
	logged     atomic.Uint64 // lines of log-formats that count them
}

// NewFrontend makes a frontend; Apply must follow before it accepts.
func NewFrontend(name string, env *Env) *Frontend {
	return &Frontend{Name: name, Env: env, Counters: backend.NewCounters(env.Loops), Latency: backend.NewLatency(env.Loops)}
}

// A Stage says whether a frontend accepts.
type Stage int32

// The stages, by the words of the runtime socket.
const (
	Open   Stage = iota
	Paused       // disable frontend
	Shut         // shutdown frontend
)

// Stage says whether the frontend accepts.
func (f *Frontend) Stage() Stage { return Stage(f.stage.Load()) }

// SetStage is for who has opened or closed its listeners.
func (f *Frontend) SetStage(s Stage) { f.stage.Store(int32(s)) }

// MaxConn is the limit in force, 0: the process's only.
func (f *Frontend) MaxConn() int64 {
	if n := f.limit.Load(); n > 0 {
		return n
	}
	return int64(f.Rules().Cfg.MaxConn)
}

// SetMaxConn changes the limit until a reload changes what the file says; 0:
// as the file says.
func (f *Frontend) SetMaxConn(n int64) { f.limit.Store(n) }

// Apply swaps the rules, at start and at reload.
func (f *Frontend) Apply(r *Rules) {
	if was := f.rules.Swap(r); was != nil && was.Cfg.MaxConn != r.Cfg.MaxConn {
		f.limit.Store(0)
	}
}

// Rules are those in force now.
func (f *Frontend) Rules() *Rules { return f.rules.Load() }
