// Package check probes servers: when (checker.go), how (probe.go, http.go), and
// what it means. Results go to the server's backend, which alone decides about
// its state.
package check

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"bascule/internal/backend"
)

// A Dial opens a connection; *net.Dialer's DialContext is one.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Env is what checks are given from outside.
type Env struct {
	Dial   Dial           // nil: a net.Dialer's
	Spread int            // spread-checks, in percent
	Log    *slog.Logger   // nil: nowhere
	Rand   func() float64 // in [0,1), for Spread; nil: math/rand
}

// A Checker runs the checks of all servers, a goroutine each.
type Checker struct {
	ctx  context.Context
	env  Env
	done sync.WaitGroup
	mu   sync.Mutex // mu guards the fields below.
	runs map[*backend.Server]context.CancelFunc
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
	return &Checker{ctx: ctx, env: env, runs: map[*backend.Server]context.CancelFunc{}}
}

// Apply starts the checks of servers that are not checked yet, and ends those of
// servers that are gone or have no `check` any more. It is called at the start
// and after each reload, with all backends.
func (c *Checker) Apply(backends []*backend.Backend) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := map[*backend.Server]bool{}
	var fresh []*backend.Server
	var shortest time.Duration
	for _, b := range backends {
		if b.Config().Disabled {
			continue
		}
		for _, s := range b.Servers() {
			if !s.Config().Check {
				continue
			}
			wanted[s] = true
			if c.runs[s] == nil {
				fresh = append(fresh, s)
			}
			if every := interval(s); every >= shortInterval && (shortest == 0 || every < shortest) {
				shortest = every
			}
		}
	}
	for s, cancel := range c.runs {
		if !wanted[s] {
			cancel()
			delete(c.runs, s)
		}
	}
	for i, s := range fresh {
		ctx, cancel := context.WithCancel(c.ctx)
		c.runs[s] = cancel
		delay := max(shortest, interval(s)) * time.Duration(i) / time.Duration(len(fresh))
		c.done.Add(1)
		go c.watch(ctx, s, delay) // ends with ctx: by Apply or by New's context
	}
}

// Wait returns when all checks have ended, after New's context has.
func (c *Checker) Wait() { c.done.Wait() }

// shortInterval is the interval below which a server does not count when the
// starts of checks are spread (HAProxy: 1 s).
const shortInterval = time.Second

// watch checks one server until ctx ends.
func (c *Checker) watch(ctx context.Context, s *backend.Server, delay time.Duration) {
	defer c.done.Done()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Probe():
		case <-timer.C:
		}
		if st := s.State(); st.Check.Enabled && !st.Check.Paused {
			r, fault := c.probe(ctx, s)
			if ctx.Err() != nil {
				return
			}
			if fault != nil {
				c.env.Log.Warn("check not done: out of our own resources", "server", s.Backend().Name()+"/"+s.Name, "error", fault)
			} else if s.Backend().Ask(backend.CheckResult{Srv: s, Result: r}) != nil {
				return // the backend has ended
			}
		}
		timer.Reset(c.spread(interval(s)))
	}
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
	part := float64(d) * float64(c.env.Spread) / 100
	return d + time.Duration(part*(1-2*c.env.Rand()))
}
