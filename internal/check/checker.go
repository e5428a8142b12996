// Package check probes servers: when (checker.go), by which steps (run.go,
// http.go), and what it means (result.go). Results go to the server's backend, which alone decides about
// its state.
package check

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"bascule/internal/backend"
)

// A Dial opens a connection; *net.Dialer's DialContext is one.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Env is what checks are given from outside.
type Env struct {
	Settings
	Dial Dial           // nil: a net.Dialer's
	Log  *slog.Logger   // nil: nowhere
	Rand func() float64 // in [0,1), for Spread; nil: math/rand
}

// Settings are what the global section says; a reload may change them.
type Settings struct {
	Spread    int           // spread-checks, in percent
	MaxSpread time.Duration // max-spread-checks, 0: none
	Node      string        // the balancer's name, for http-check send-state
}

// A Checker runs the checks of all servers and agents, a goroutine each.
type Checker struct {
	ctx  context.Context
	env  Env
	set  atomic.Pointer[Settings]
	done sync.WaitGroup
	mu   sync.Mutex // mu guards the fields below.
	runs map[probed]context.CancelFunc
}

// A probed is what one goroutine checks: a server, or its agent.
type probed struct {
	srv   *backend.Server
	agent bool
}

// interval is the time to the next check.
func (p probed) interval() time.Duration {
	if p.agent {
		return agentInterval(p.srv)
	}
	return interval(p.srv)
}

// New makes a Checker whose checks all end with ctx.
func New(ctx context.Context, env Env) *Checker {
	if env.Dial == nil {
		env.Dial = new(net.Dialer).DialContext
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Rand == nil {
		env.Rand = rand.Float64
	}
	c := &Checker{ctx: ctx, env: env, runs: map[probed]context.CancelFunc{}}
	c.Set(env.Settings)
	return c
}

// Set changes the settings of the checks that follow.
func (c *Checker) Set(s Settings) { c.set.Store(&s) }

// Apply starts the checks of servers that are not checked yet, and ends those of
// servers that are gone or have no `check` any more. It is called at the start
// and after each reload, with all backends.
func (c *Checker) Apply(backends []*backend.Backend) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := map[probed]bool{}
	var fresh []probed
	var shortest time.Duration
	for _, p := range allProbed(backends) {
		wanted[p] = true
		if c.runs[p] == nil {
			fresh = append(fresh, p)
		}
		if every := p.interval(); every >= shortInterval && (shortest == 0 || every < shortest) {
			shortest = every
		}
	}
	for p, cancel := range c.runs {
		if !wanted[p] {
			cancel()
			delete(c.runs, p)
		}
	}
	for i, p := range fresh {
		ctx, cancel := context.WithCancel(c.ctx)
		c.runs[p] = cancel
		window := max(shortest, p.interval())
		if most := c.set.Load().MaxSpread; most > 0 {
			window = min(window, most)
		}
		c.done.Add(1)
		go c.watch(ctx, p, window*time.Duration(i)/time.Duration(len(fresh))) // ends with ctx: by Apply or by New's context
		if !p.agent {
			c.done.Add(1)
			go c.chase(ctx, p.srv) // likewise
		}
	}
}

// allProbed are the servers with checks and those with agents.
func allProbed(backends []*backend.Backend) (list []probed) {
	for _, b := range backends {
		if b.Config().Disabled {
			continue
		}
		for _, s := range b.Servers() {
			if s.Config().Check {
				list = append(list, probed{srv: s})
			}
			if s.Config().Agent.Check {
				list = append(list, probed{s, true})
			}
		}
	}
	return list
}

// Wait returns when all checks have ended, after New's context has.
func (c *Checker) Wait() { c.done.Wait() }

// shortInterval is the interval below which a server does not count when the
// starts of checks are spread (HAProxy: 1 s).
const shortInterval = time.Second

// probe checks a server once, within the limits of the fast pace or its own. fault
// is set instead of a result when the reason is ours: no evidence against the server.
func (c *Checker) probe(ctx context.Context, s *backend.Server, fast bool) (backend.Result, error) {
	srv, at, px := s.Config(), s.ProbeAt(), s.Backend().Config()
	r := &run{c: c, ctx: ctx, srv: s, kind: px.Check.Kind, spare: px.Check.DisableOn404, state: px.Check.SendState,
		target: target{addr: at.CheckAddr, port: at.CheckPort, sendProxy: srv.CheckSendProxy},
		timing: timingOf(srv.Inter, px)}
	if fast {
		r.timing = r.timing.fast(s.State().Check.Usual)
	}
	return r.play(px.Check.Steps)
}

// watch checks one server or agent until ctx ends.
func (c *Checker) watch(ctx context.Context, p probed, delay time.Duration) {
	defer c.done.Done()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	due := p.srv.Probe()
	if p.agent {
		due = nil
	}
	at := time.Now().Add(delay)
	for {
		select {
		case <-ctx.Done():
			return
		case in := <-due:
			if sooner := time.Now().Add(in); in > 0 {
				if sooner.Before(at) {
					at = sooner
					timer.Reset(in)
				}
				continue
			}
		case <-timer.C:
		}
		if ready := c.once(ctx, p); !ready {
			return
		}
		every := c.spread(p.interval())
		at = time.Now().Add(every)
		timer.Reset(every)
	}
}

// once makes one check and tells the backend; false: there is nobody to tell.
func (c *Checker) once(ctx context.Context, p probed) bool {
	var e backend.Event
	var fault error
	st := p.srv.State()
	switch {
	case p.agent && st.Agent.Enabled:
		e, fault = c.askAgent(ctx, p.srv)
	case !p.agent && st.Check.Enabled && !st.Check.Paused:
		at := p.srv.Addr()
		var r backend.Result
		r, fault = c.probe(ctx, p.srv, false)
		e = backend.CheckResult{Srv: p.srv, Result: r, At: at}
	default:
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	if fault != nil {
		c.complain(p.srv, fault)
		return true
	}
	return p.srv.Backend().Ask(e) == nil
}

func (c *Checker) complain(s *backend.Server, fault error) {
	c.env.Log.Warn("check not done: out of our own resources", "server", s.Backend().Name()+"/"+s.Name, "error", fault)
}

// interval is the time to a server's next check: inter when it is surely up,
// downinter when it is surely down, fastinter in between and before the first
// (HAProxy: inter, fastinter, downinter).
func interval(s *backend.Server) time.Duration {
	cfg, st := s.Config(), s.State()
	every := time.Duration(0)
	switch {
	case st.Health == st.Rise+st.Fall-1:
	case st.Op == backend.Stopped && st.Health == 0:
		every = cfg.DownInter
	default:
		every = cfg.FastInter
	}
	if every == 0 {
		every = cfg.Inter
	}
	return max(every, minInterval)
}

// minInterval keeps a check of every 0 ms from spinning.
const minInterval = time.Millisecond

// spread adds up to Spread percent in either direction.
func (c *Checker) spread(d time.Duration) time.Duration {
	part := float64(d) * float64(c.set.Load().Spread) / 100
	return d + time.Duration(part*(1-2*c.env.Rand()))
}
