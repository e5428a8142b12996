// Package backend holds the servers of a backend: their state, weights, slots,
// queues, persistence and counters.
//
// One goroutine, Run, is the only writer of state. Everybody else posts events
// to it (Do, Ask) and reads immutable snapshots; choosing a server takes no
// lock and allocates nothing.
package backend

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"bascule/internal/config"
)

// Env is what a Backend is given from outside.
type Env struct {
	Loops int          // counters are kept for so many, and one slot more
	Log   *slog.Logger // operations; nil: nowhere
	// Notify sends a message to the proxy's log targets with a syslog severity;
	// nil: nowhere. It must not block for long.
	Notify func(level int, text string)
	// Shutdown closes all streams on a server with that first letter of the
	// termination code: 'D' the server went down, 'U' a non-backup server came
	// up. nil: nothing. It must not block.
	Shutdown func(srv *Server, letter byte)
	Rand     func() uint64 // for balance random; nil: math/rand
}

// ErrStopped is returned by Ask when the backend's goroutine has ended.
var ErrStopped = errors.New("backend is stopped")

// cacheLine keeps counters that all loops write apart from what they only read.
const cacheLine = 64

// A Backend is a proxy's servers and their balancing.
type Backend struct {
	Counters *Counters
	Times    *Times
	Rate     Rate  // of streams
	Cur      Gauge // streams in the backend; entered and left by the stream
	Queue    Gauge // streams waiting for any server

	name string
	env  Env
	cfg  atomic.Pointer[config.Proxy]
	snap atomic.Pointer[Snapshot]
	stat atomic.Pointer[Status]
	mail mailbox
	line queues

	// Of Run:
	gone    map[string]*Server // removed servers with sessions left
	stepped time.Time          // when slowstart moved on last

	_    [cacheLine]byte
	turn atomic.Uint64 // position in the sequence, of all loops together
	_    [cacheLine]byte
}

// A Status is the state of a backend as a whole.
type Status struct {
	Up       bool // a server is usable, or there are none at all
	Since    time.Time
	Downs    int64
	downtime time.Duration
}

// Downtime is how long the backend has had no usable server altogether.
func (s *Status) Downtime(now time.Time) time.Duration {
	if !s.Up {
		return s.downtime + now.Sub(s.Since)
	}
	return s.downtime
}

// New makes the backend of a proxy with its servers in the state that HAProxy
// starts with. Picks work at once; events wait for Run.
func New(cfg *config.Proxy, env Env) *Backend {
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Notify == nil {
		env.Notify = func(int, string) {}
	}
	if env.Shutdown == nil {
		env.Shutdown = func(*Server, byte) {}
	}
	if env.Rand == nil {
		env.Rand = rand.Uint64
	}
	b := &Backend{name: cfg.Name, env: env, Counters: NewCounters(env.Loops), Times: NewTimes(env.Loops)}
	b.mail.init()
	b.line.init()
	b.cfg.Store(cfg)
	now := time.Now()
	var servers []*Server
	for _, c := range cfg.Servers {
		servers = append(servers, newServer(b, c, now))
	}
	sn := build(cfg, servers)
	b.snap.Store(sn)
	b.stat.Store(&Status{Up: sn.Up(), Since: now})
	return b
}

// Config is what the file says about the backend, as of the last Apply.
func (b *Backend) Config() *config.Proxy { return b.cfg.Load() }

// Name is the proxy's name.
func (b *Backend) Name() string { return b.name }

// ID is the proxy's number.
func (b *Backend) ID() int { return b.cfg.Load().ID }

// Servers are the servers in the order of the file. It must not be changed.
func (b *Backend) Servers() []*Server { return b.snap.Load().Servers }

// Server is the server of that name, nil if there is none.
func (b *Backend) Server(name string) *Server {
	for _, s := range b.Servers() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Snapshot is what picking works with now.
func (b *Backend) Snapshot() *Snapshot { return b.snap.Load() }

// Status is the state of the backend as a whole.
func (b *Backend) Status() *Status { return b.stat.Load() }

// Run owns the state until ctx ends. It must be called once.
func (b *Backend) Run(ctx context.Context) {
	defer b.mail.close()
	sample := time.NewTicker(sampleEvery)
	defer sample.Stop()
	ramp := time.NewTimer(sampleEvery)
	defer ramp.Stop()
	for {
		if at, starting := b.nextStep(); starting {
			ramp.Reset(time.Until(at))
		} else {
			ramp.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-b.mail.ready:
			for _, p := range b.mail.take() {
				err := p.event.apply(b)
				if p.done != nil {
					p.done <- err
				}
			}
		case now := <-sample.C:
			b.sample(now)
		case <-ramp.C:
			b.step(time.Now())
		}
	}
}

// sampleEvery is the second that rates are per.
const sampleEvery = time.Second

func (b *Backend) sample(now time.Time) {
	b.Rate.Sample(b.Counters.Sum(Sessions), now)
	for _, s := range b.Servers() {
		s.Rate.Sample(s.Counters.Sum(Sessions), now)
	}
}

// rampEvery is how often slowstart moves on.
const rampEvery = time.Second

// nextStep is when the next server in its slowstart moves on.
func (b *Backend) nextStep() (at time.Time, starting bool) {
	for _, s := range b.Servers() {
		st := s.State()
		if st.Op != Starting {
			continue
		}
		// From the last step, not from now: a step that is due must not be
		// skipped because something else happened first.
		done := max(b.stepped.Sub(st.Since), 0)
		next := st.Since.Add(done.Truncate(rampEvery) + rampEvery)
		if !starting || next.Before(at) {
			at, starting = next, true
		}
	}
	return at, starting
}

// step moves every server in its slowstart on.
func (b *Backend) step(now time.Time) {
	b.stepped = now
	for _, s := range b.Servers() {
		if s.State().Op == Starting {
			b.happen(s, ticked{}, now)
		}
	}
}
