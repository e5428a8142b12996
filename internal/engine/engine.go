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
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/cert"
	"bascule/internal/check"
	"bascule/internal/config"
	"bascule/internal/events"
	"bascule/internal/h1"
	"bascule/internal/live"
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
	Offered Offered // by systemd to a process without a master
	MaxConn int     // -n of the command line, 0: none
	Version string  // of bascule, for show info
	Date    string  // of the source, 2006/01/02
	Build   string
	Startup string // what was said while starting
	// Commanded is called when a command of a runtime socket may have changed a state,
	// before the command is answered; nil: nothing is.
	Commanded func()
	// Restarts are the workers before this one that crashed.
	Restarts int
	// Reload makes the process read its configuration again and Swap it in, on
	// behalf of the runtime socket. nil: Reload's answer is that it cannot.
	Reload func(admin.ReloadOrder) (ok bool, log string)
}

// An Engine is a balancer. Its methods are for any goroutine.
type Engine struct {
	opt     Options
	log     *slog.Logger
	began   time.Time
	limits  atomic.Pointer[Limits]
	cfg     atomic.Pointer[config.Config]
	hub     *logs.Hub
	env     *stream.Env
	loops   []*loop.Loop
	planes  []*h1.Plane
	shakes  *loop.Handshakes // with clients; those with servers wait for none of them
	tickets cert.Tickets
	certs   *cert.Store
	raw     []*tcp.Plane // of mode tcp, beside them
	checks  *check.Checker
	runs    sync.WaitGroup // backends, hub, ticker
	lanes   sync.WaitGroup // loops
	end     context.CancelFunc
	ctx     context.Context
	admin   *admin.Server
	failed  chan error // of a loop

	mu        sync.Mutex // guards what follows, held for a whole reload
	backends  map[string]*running
	fronts    map[string]*stream.Frontend
	listeners map[string]*accepting
	sockets   map[string]net.Listener
	leaving   []*accepting // removed, to be drained by Release
	gone      map[*running]bool

	told     sync.Mutex // guards the field below
	reloads  reloads
	departed atomic.Pointer[[]*backend.Backend] // removed, with sessions left

	paused    atomic.Bool // by TTOU
	stopping  atomic.Bool
	ended     atomic.Bool  // Stop was called
	listening atomic.Int64 // listeners and runtime sockets
	order     atomic.Pointer[order]
	idle      idle
	source    stats.Source
	events    *events.Ring
	sampler   *stats.Sampler
	board     *live.Board
	buried    totals
	came      backend.Throttle // client connections, for maxconnrate and maxsessrate
	cameTLS   backend.Throttle // those with TLS, for maxsslrate
	limitsTLS tlsLimits
	asked     asked
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
		sockets: map[string]net.Listener{}, gone: map[*running]bool{}, events: events.New(0),
	}
	e.certs = cert.NewStore(&e.tickets)
	e.ctx, e.end = context.WithCancel(context.Background())
	n := Loops(cfg)
	// Half of the loops: with as many as there are loops, clients inside wait for the
	// processors: their p99 went from 35 ms to 45 ms on two, and newcomers' from 18 to 74.
	e.shakes = loop.NewHandshakes((n + 1) / 2)
	have := opt.Sockets
	if have == nil {
		have = Sockets{}
	}
	have.Add(opt.Offered.For(cfg, have))
	fresh, err := Complete(cfg, n, have)
	if err != nil {
		have.Close()
		return nil, err
	}
	have.Add(fresh)
	if err := e.raise(cfg, n, len(have)); err != nil {
		have.Close()
		return nil, err
	}
	if err := e.build(cfg, n, have); err != nil {
		have.Close()
		return nil, err
	}
	return e, nil
}

func (e *Engine) build(cfg *config.Config, loops int, have Sockets) error {
	if e.makeHub(cfg, loops); e.hub.Err() != nil {
		return e.hub.Err()
	}
	if err := e.makeLoops(cfg, loops); err != nil {
		return err
	}
	e.checks = check.New(e.ctx, check.Env{Log: e.log})
	e.admin = admin.NewServer(admin.Commands(e), cfg.Global.StatsTimeout, e.log)
	e.admin.After = e.opt.Commanded
	e.board = live.NewBoard(&e.source, e.log)
	e.board.Tell = e.tell
	p, err := e.plan(cfg, have)
	if err != nil {
		return err
	}
	e.adopt(p)
	e.makeSource()
	return nil
}

// raise sets the limits that cfg needs; with no strict-limits those that it can.
func (e *Engine) raise(cfg *config.Config, loops, listeners int) error {
	l, err := raiseLimits(cfg, loops, listeners, e.opt.MaxConn)
	e.limits.Store(&l)
	if err != nil && cfg.Global.NoStrictLimits {
		e.log.Warn(err.Error(), "maxconn", l.MaxConn)
		return nil
	}
	return err
}

func (e *Engine) makeHub(cfg *config.Config, loops int) {
	tag, name := cfg.Global.LogTag, cfg.Global.LogHostname
	e.hub = logs.NewHub(targets(cfg), loops, logs.Options{Tag: tag, Hostname: name, PID: os.Getpid(), Log: e.log})
}

// targets are the log targets of all sections.
func targets(cfg *config.Config) []*logs.Target {
	list := append([]*logs.Target(nil), cfg.Global.Logs...)
	for _, r := range cfg.Rings { // one that no line goes to can be read too
		list = append(list, &logs.Target{Addr: logs.RingPrefix + r.Name, Ring: r})
	}
	for _, px := range cfg.Proxies {
		list = append(list, px.Logs...)
	}
	return list
}

func (e *Engine) makeLoops(cfg *config.Config, n int) error {
	e.env = &stream.Env{Loops: n, Hub: e.hub, Log: e.log, Total: backend.NewCounters(n), Shakes: loop.NewHandshakes(n)}
	e.env.MaxConn.Store(int64(e.limits.Load().MaxConn))
	e.env.Buffer.Store(int64(cfg.Global.BufSize))
	e.env.KeepTotal.Store(keepTotal(&cfg.Global.Tuning))
	for i := range n {
		l, err := loop.New(i, e.log)
		if err != nil {
			return err
		}
		e.loops = append(e.loops, l)
		p := h1.New(l, e.env, &cfg.Global)
		e.planes, e.raw = append(e.planes, p), append(e.raw, tcp.New(p.Carrier()))
	}
	if !cfg.Global.Tuning.IdleApart {
		h1.Share(e.planes)
	}
	return nil
}

// Config is the configuration in force.
func (e *Engine) Config() *config.Config { return e.cfg.Load() }

// Start runs everything. Failed tells when a loop has failed.
func (e *Engine) Start() {
	e.events.Add(events.Event{Kind: events.Started, Level: backend.LevelNotice, Text: "Process " + strconv.Itoa(os.Getpid()) + " has started."})
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
	e.runs.Go(e.trim)
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
	e.check()
}

// check starts and ends checks as the configuration in force says, and lets
// servers follow those that they track.
func (e *Engine) check() {
	backends := e.order.Load().backends
	backend.Link(backends)
	g := &e.cfg.Load().Global
	e.checks.Set(check.Settings{Spread: g.SpreadChecks, MaxSpread: g.MaxSpread, Node: g.Node})
	e.checks.Apply(backends)
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

// ease ends tunnels of a draining server, of each loop its part.
func (e *Engine) ease(all backend.Ease) {
	sockets, tunnels := shares(all.WebSockets, len(e.loops), all.Srv.WebSockets.Of), shares(all.Tunnels, len(e.loops), all.Srv.Tunnels.Of)
	for i, l := range e.loops {
		part := all
		part.WebSockets, part.Tunnels = sockets[i], tunnels[i]
		if part.All || part.WebSockets > 0 || part.Tunnels > 0 {
			l.Post(func() { e.planes[i].Carrier().Ease(part) })
		}
	}
}

// shares divides n among the loops by what each has.
func shares(n, loops int, have func(loop int) int64) []int {
	parts := make([]int, loops)
	total := int64(0)
	for i := range parts {
		total += have(i)
	}
	for i := range parts {
		of := have(i)
		if total > 0 {
			parts[i] = int((int64(n)*of + total - 1) / total)
		}
		n, total = n-parts[i], total-of
	}
	return parts
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
