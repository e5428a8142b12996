package sim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"bascule/internal/backend"
	"bascule/internal/check"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

const (
	// troubleLasts is for how long faults are injected and requests sent.
	troubleLasts = 6 * time.Second
	// calmsIn is when every request must be over and every server be back: the
	// longest timeouts and the slowest checks that are drawn fit several times.
	calmsIn = 60 * time.Second
)

// A world is one simulation. All of it runs on one goroutine, the loop's, but
// for the backend's owner and the checks; they and the loop take turns, so that
// one seed gives one course of events.
type world struct {
	*rand.Rand
	own   *rand.Rand // for what came later, see drawLater
	plant plant
	begun time.Time
	loop  *loop.Loop
	rang  chan struct{} // holds one token
	car   stream.Carrier
	fe    *stream.Frontend
	be    *backend.Backend
	check *check.Checker
	setup setup
	hosts []*host
	idle  map[*backend.Server][]*conn
	users []*user
	judge
	noFDs   bool // no descriptors are left
	rush    bool // many users, and servers that fail all the time: too much for the budget
	verbose bool
	lines   []string
}

// An outcome is what became of a simulation.
type outcome struct {
	faults   []string // what the judge found
	requests int
	tries    int
	asked    int      // requests that another server was asked for an error
	lines    []string // the course of events, if it was to be told
	file     string
}

// play runs the simulation of a seed with a planted bug, or none. It must be
// called in a bubble of synctest.
func play(seed uint64, p plant, verbose bool) outcome {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 0)), own: rand.New(rand.NewPCG(seed, 1)), plant: p, begun: time.Now(), rang: make(chan struct{}, 1),
		idle: map[*backend.Server][]*conn{}, verbose: verbose}
	w.judge.w = w
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	w.build(ctx, &done)
	w.trouble()
	w.load()
	w.until(troubleLasts, func() bool { return false })
	w.mend()
	w.until(calmsIn, w.calm)
	w.judge.atTheEnd()
	w.loop.End()
	cancel() // ends the owner and the checks
	done.Wait()
	w.check.Wait()
	return outcome{w.found, len(w.requests), w.judge.tries, w.judge.elsewhere, w.lines, w.setup.text()}
}

func (w *world) build(ctx context.Context, done *sync.WaitGroup) {
	w.setup = drawSetup(w.Rand)
	w.setup.drawLater(w.own)
	cfg := w.setup.load()
	quiet := slog.New(slog.DiscardHandler)
	w.loop = loop.ByHand(0, quiet, w.ring)
	env := &stream.Env{Loops: 1, Log: quiet, Total: backend.NewCounters(1)}
	w.be = backend.New(cfg, backend.Env{Loops: 1, Shutdown: w.shutdown, Rand: w.Uint64, Notify: w.notified})
	w.fe = stream.NewFrontend(cfg.Name, env)
	w.rule(cfg)
	w.car = stream.Carrier{Loop: w.loop, Env: env, Dialer: w}
	for i := range mostServers {
		w.hosts = append(w.hosts, newHost(w, i))
	}
	done.Go(func() { w.be.Run(ctx) }) // ends with ctx
	w.check = check.New(ctx, check.Env{Dial: w.dialCheck, Rand: func() float64 { return 0.5 }})
	w.check.Apply([]*backend.Backend{w.be})
	synctest.Wait()
	w.judge.begin()
}

// rule makes cfg what the frontend follows.
func (w *world) rule(cfg *config.Proxy) {
	w.fe.Apply(stream.NewRules(cfg, func(string) *backend.Backend { return w.be }, nil))
}

// ring tells the loop's goroutine of mail.
func (w *world) ring() {
	select {
	case w.rang <- struct{}{}:
	default:
	}
}

// shutdown is what on-marked-down and on-marked-up ask of the loops.
func (w *world) shutdown(srv *backend.Server, letter byte) {
	w.loop.Post(func() {
		w.tell("streams on %s are shut down (%c)", srv.Name, letter)
		w.car.Shutdown(srv, letter)
	})
}

func (w *world) notified(_ int, text string) {
	w.loop.Post(func() { w.tell("%s", text) })
}

// until lets time go by until done or for as long as limit.
func (w *world) until(limit time.Duration, done func() bool) {
	end := time.Now().Add(limit)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		synctest.Wait() // nobody else has anything to do at this instant
		next := w.loop.Turn()
		w.judge.look()
		left := time.Until(end)
		if left <= 0 || done() {
			return
		}
		if next < 0 || next > left {
			next = left
		}
		synctest.Wait()
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-w.rang:
		}
	}
}

// after does f in d, at an instant that is nobody else's.
func (w *world) after(d time.Duration, f func()) {
	w.loop.SetTimer(w.loop.Timer(f), d+time.Duration(1+w.IntN(1000)))
}

// between draws a time.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.Int64N(int64(most-least)+1))
}

// chance is true once in n.
func (w *world) chance(n int) bool { return w.IntN(n) == 0 }

// hop is what a message needs from one machine to another.
func (w *world) hop() time.Duration { return w.between(50*time.Microsecond, 2*time.Millisecond) }

// tell notes an event, if somebody wants to know.
func (w *world) tell(format string, args ...any) {
	if w.verbose {
		w.lines = append(w.lines, fmt.Sprintf("%11.6f "+format, append([]any{time.Since(w.begun).Seconds()}, args...)...))
	}
}

// calm says that nothing is under way and every server is back.
func (w *world) calm() bool {
	if w.car.Live() > 0 || w.judge.open > 0 {
		return false
	}
	for _, s := range w.be.Servers() {
		if st := s.State(); st.Op != backend.Running {
			return false
		}
	}
	return true
}

func (o outcome) String() string {
	return strings.Join(o.lines, "\n") + "\n\n" + o.file + "\n" + strings.Join(o.faults, "\n")
}
