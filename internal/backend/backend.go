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
	"bascule/internal/events"
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
	// Ease ends tunnels of a server whose drain has a deadline; nil: nothing. It
	// must not block.
	Ease func(Ease)
	// Event takes in what happened, for those who follow; nil: nobody does.
	Event func(events.Event)
	Rand  func() uint64 // for balance random; nil: math/rand
}

// ErrStopped is returned by Ask when the backend's goroutine has ended.
var ErrStopped = errors.New("backend is stopped")

// cacheLine keeps counters that all loops write apart from what they only read.
const cacheLine = 64

// A Backend is a proxy's servers and their balancing.
type Backend struct {
	Counters *Counters
	Times    *Times
	Latency  *Latency
	Rate     Rate                       // of streams
	Cur      Gauge                      // streams in the backend; entered and left by the stream
	Queue    Gauge                      // streams waiting for any server
	BadReply atomic.Pointer[BadMessage] // the last one; nil: none

	name    string
	env     Env
	cfg     atomic.Pointer[config.Proxy]
	snap    atomic.Pointer[Snapshot]
	stat    atomic.Pointer[Status]
	mail    mailbox
	line    queues
	full    atomic.Int64 // fullconn
	ordered atomic.Bool  // leastconn: the order of changes of load counts
	replays budget
	refused int64                     // replays, as of the last message; of Run
	left    atomic.Pointer[[]*Server] // gone, for others to read

	// Of Run:
	gone    map[string]*Server    // removed servers with sessions left
	stepped time.Time             // when slowstart moved on last
	eased   time.Time             // when drains moved on last
	felled  map[*Server]time.Time // servers that fast-detect took out lately

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
	if env.Ease == nil {
		env.Ease = func(Ease) {}
	}
	if env.Event == nil {
		env.Event = func(events.Event) {}
	}
	if env.Rand == nil {
		env.Rand = rand.Uint64
	}
	b := &Backend{name: cfg.Name, env: env, Counters: NewCounters(env.Loops), Times: NewTimes(env.Loops), Latency: NewLatency(env.Loops)}
	b.mail.init()
	b.line.init()
	b.cfg.Store(cfg)
	b.full.Store(int64(cfg.FullConn))
	b.ordered.Store(cfg.Balance.Algorithm == config.LeastConn)
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

// SetFullConn says at how many streams servers with minconn get their whole
// maxconn, where the file does not: it depends on all frontends.
func (b *Backend) SetFullConn(n int64) { b.full.Store(n) }

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
	for _, s := range b.Servers() {
		b.tell(s, s.State(), s.began, 0)
	}
	ease := time.NewTimer(easeEvery)
	defer ease.Stop()
	for {
		if at, starting := b.nextStep(); starting {
			ramp.Reset(time.Until(at))
		} else {
			ramp.Stop()
		}
		if at, draining := b.nextEase(); draining {
			ease.Reset(time.Until(at))
		} else {
			ease.Stop()
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
		case <-ease.C:
			b.ease(time.Now())
		}
	}
}

// sampleEvery is the second that rates are per.
const sampleEvery = time.Second

func (b *Backend) sample(now time.Time) {
	b.Rate.Sample(b.Counters.Sum(Sessions), now)
	b.replays.fade()
	b.replays.raise(b.Rate.Per())
	b.measure()
	b.tellRefused()
	b.tellTurned()
	b.bury()
	for _, s := range b.Servers() {
		s.Rate.Sample(s.Counters.Sum(Sessions), now)
		b.tellUnshaken(s, now)
		if d := s.State().Drain; d != nil {
			d.Tally.sample()
		}
		s.relax(now)
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

// step moves every server in its slowstart on, all at once but for those that are held:
// the tables that follow weights are made once.
func (b *Backend) step(now time.Time) {
	b.stepped = now
	var on []*Server
	for _, s := range b.Servers() {
		if s.State().Op != Starting {
			s.warming = warming{}
		} else if why := b.warm(s, now); why != "" {
			b.happen(ticked{why}, now, s)
		} else {
			on = append(on, s)
		}
	}
	b.happen(ticked{}, now, on...)
}
