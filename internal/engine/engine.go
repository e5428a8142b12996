// Package engine builds a running balancer from a configuration: loops,
// planes, backends, frontends, listeners, checks, logs and runtime sockets. It
// starts them, swaps in another configuration, and stops them.
package engine

import (
	"context"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/check"
	"bascule/internal/config"
	"bascule/internal/h1"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/stats"
	"bascule/internal/stream"
	"bascule/internal/tcp"
)

// Options are what an Engine is given from outside.
type Options struct {
	Log     *slog.Logger
	Sockets Sockets // opened before, for instance by the master; the engine owns them
	MaxConn int     // -n of the command line, 0: none
	Version string  // of bascule, for show info
	Date    string  // of the source, 2006/01/02
	Build   string
	Startup string // what was said while starting
	// Reload makes the process read its configuration again and Swap it in, on
	// behalf of the runtime socket. nil: Reload's answer is that it cannot.
	Reload func() (ok bool, log string)
}

// An Engine is a balancer. Its methods are for any goroutine.
type Engine struct {
	opt    Options
	log    *slog.Logger
	began  time.Time
	limits atomic.Pointer[Limits]
	cfg    atomic.Pointer[config.Config]
	hub    *logs.Hub
	env    *stream.Env
	loops  []*loop.Loop
	planes []*h1.Plane
	raw    []*tcp.Plane // of mode tcp, beside them
	checks *check.Checker
	runs   sync.WaitGroup // backends, hub, ticker
	lanes  sync.WaitGroup // loops
	end    context.CancelFunc
	ctx    context.Context
	admin  *admin.Server
	failed chan error // of a loop

	mu        sync.Mutex // guards what follows, held for a whole reload
	backends  map[string]*running
	fronts    map[string]*stream.Frontend
	listeners map[string]*accepting
	sockets   map[string]net.Listener
	leaving   []*accepting // removed, to be drained by Release
	gone      map[*running]bool
	reloads   int
	refused   int

	paused    atomic.Bool // by TTOU
	stopping  atomic.Bool
	listening atomic.Int64 // listeners and runtime sockets
	order     atomic.Pointer[order]
	idle      idle
	source    stats.Source
	sampler   *stats.Sampler
	buried    totals
}

// totals are those of frontends that a reload has removed, so that the sums of
// the process never go back.
type totals struct{ conns, requests, bytes atomic.Int64 }

// order is the proxies in the order of the file, for those who list them.
type order struct {
	backends []*backend.Backend
	fronts   []*stream.Frontend
}

// A running is a backend with its goroutine.
type running struct {
	*backend.Backend
	end context.CancelFunc
}

// New opens the sockets of cfg and builds everything, without starting. The
// limits of the process are raised as far as maxconn needs it. After an error
// the sockets are closed, and the process is expected to end.
func New(cfg *config.Config, opt Options) (*Engine, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		opt: opt, log: opt.Log, began: time.Now(), failed: make(chan error, 1),
		backends: map[string]*running{}, fronts: map[string]*stream.Frontend{}, listeners: map[string]*accepting{},
		sockets: map[string]net.Listener{}, gone: map[*running]bool{},
	}
	e.ctx, e.end = context.WithCancel(context.Background())
	n := Loops(cfg)
	have := opt.Sockets
	if have == nil {
		have = Sockets{}
	}
	fresh, err := Complete(cfg, n, have)
	if err != nil {
		have.Close()
		return nil, err
	}
	have.Add(fresh)
	e.raise(cfg, n, len(have))
	if err := e.build(cfg, n, have); err != nil {
		have.Close()
		return nil, err
	}
	return e, nil
}

func (e *Engine) build(cfg *config.Config, loops int, have Sockets) error {
	e.makeHub(cfg, loops)
	if err := e.makeLoops(cfg, loops); err != nil {
		return err
	}
	e.checks = check.New(e.ctx, check.Env{Spread: cfg.Global.SpreadChecks, Log: e.log})
	e.admin = admin.NewServer(admin.Commands(e), cfg.Global.StatsTimeout, e.log)
	p, err := e.plan(cfg, have)
	if err != nil {
		return err
	}
	e.adopt(p)
	e.makeSource()
	return nil
}

// raise sets the limits that cfg needs.
func (e *Engine) raise(cfg *config.Config, loops, listeners int) {
	l := raiseLimits(cfg, loops, listeners, e.opt.MaxConn)
	e.limits.Store(&l)
}

func (e *Engine) makeHub(cfg *config.Config, loops int) {
	tag, name := cfg.Global.LogTag, cfg.Global.LogHostname
	e.hub = logs.NewHub(targets(cfg), loops, logs.Options{Tag: tag, Hostname: name, PID: os.Getpid()})
}

// targets are the log targets of all sections.
func targets(cfg *config.Config) []*logs.Target {
	list := append([]*logs.Target(nil), cfg.Global.Logs...)
	for _, px := range cfg.Proxies {
		list = append(list, px.Logs...)
	}
	return list
}

func (e *Engine) makeLoops(cfg *config.Config, n int) error {
	e.env = &stream.Env{Loops: n, Hub: e.hub, Log: e.log, Total: backend.NewCounters(n)}
	e.env.MaxConn.Store(int64(e.limits.Load().MaxConn))
	for i := range n {
		l, err := loop.New(i, e.log)
		if err != nil {
			return err
		}
		e.loops = append(e.loops, l)
		p := h1.New(l, e.env, &cfg.Global)
		e.planes, e.raw = append(e.planes, p), append(e.raw, tcp.New(p.Carrier()))
	}
	return nil
}

// Config is the configuration in force.
func (e *Engine) Config() *config.Config { return e.cfg.Load() }

// Start runs everything. Failed tells when a loop has failed.
func (e *Engine) Start() {
	// Goroutines must not wait behind busy loops: two more than loops made
	// their delay go from 10 ms to 0.1 ms.
	runtime.GOMAXPROCS(len(e.loops) + 2)
	for _, l := range e.loops {
		e.lanes.Go(func() { // until Stop
			if err := l.Run(); err != nil {
				select {
				case e.failed <- err:
				default:
				}
			}
		})
	}
	e.runs.Go(func() { e.hub.Run(e.ctx) })
	e.runs.Go(e.tick)
	e.runs.Go(func() { e.sampler.Run(e.ctx) })
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.backends {
		e.run(b)
	}
	for _, a := range e.listeners {
		e.serve(a)
	}
	for key, l := range e.sockets {
		e.serveSocket(key, l)
	}
	e.checks.Apply(e.order.Load().backends)
}

// Failed receives the error of a loop that could not go on.
func (e *Engine) Failed() <-chan error { return e.failed }

func (e *Engine) run(b *running) {
	ctx, cancel := context.WithCancel(e.ctx)
	b.end = cancel
	e.runs.Go(func() { b.Run(ctx) }) // until the engine stops, or the removed backend is empty
}

// shutdown ends the streams of a server on all loops.
func (e *Engine) shutdown(srv *backend.Server, code byte) {
	for i, l := range e.loops {
		l.Post(func() { e.planes[i].Carrier().Shutdown(srv, code) })
	}
}

// notify sends a message about a proxy to its log targets.
func (e *Engine) notify(name string) func(level int, text string) {
	return func(level int, text string) {
		for _, px := range e.Config().Proxies {
			if px.Name == name && px.Backend {
				e.hub.Log(px.Logs, level, text)
			}
		}
	}
}
