package engine

import (
	"context"
	"sync/atomic"
	"time"

	"bascule/internal/backend"
	"bascule/internal/events"
	"bascule/internal/stream"
)

// watchEmpty is how often a stopping process looks whether its last client
// has left.
const watchEmpty = 50 * time.Millisecond

// SoftStop lets clients finish: listeners are drained and closed, kept
// connections end with their current reply, checks end. The channel is closed
// when nobody is left, or when hard-stop-after is over, until when WebSockets are closed
// one after the other. `grace` goes by before anything is closed.
func (e *Engine) SoftStop() <-chan struct{} {
	done := make(chan struct{})
	g := &e.Config().Global
	go func() { // ends when empty, after hard-stop-after, or with Stop
		defer close(done)
		if g.GracePeriod > 0 {
			select {
			case <-time.After(g.GracePeriod):
			case <-e.ctx.Done():
				return
			}
		}
		e.leave()
		e.awaitEmpty(g.HardStopAfter)
	}()
	return done
}

// leave closes all listeners and tells the planes to let go.
func (e *Engine) leave() {
	e.mu.Lock()
	first := !e.stopping.Swap(true)
	for key, a := range e.listeners {
		e.leaving = append(e.leaving, a)
		delete(e.listeners, key)
	}
	if first {
		e.opt.Offered.Close()
	}
	e.mu.Unlock()
	e.Release()
	if !first {
		return
	}
	e.events.Add(events.Event{Kind: events.Stopping, Level: backend.LevelNotice, Text: "The process stops: listeners are closed, clients finish."})
	e.board.Close()
	e.checks.Apply(nil)
	for i, l := range e.loops {
		l.Post(e.planes[i].SoftStop)
	}
}

func (e *Engine) awaitEmpty(limit time.Duration) {
	tick := time.NewTicker(watchEmpty)
	defer tick.Stop()
	var late <-chan time.Time
	parting := func(time.Time) {}
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		late = t.C
		parting = e.parting(time.Now(), limit)
	}
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-late:
			e.log.Warn("hard-stop-after is over", "connections", e.env.Conns.Cur())
			return
		case now := <-tick.C:
			if e.env.Conns.Cur() == 0 {
				return
			}
			parting(now)
		}
	}
}

// partingPart of hard-stop-after is the time in which WebSockets are closed; what is
// left of it is for those that stand within a frame, and for their clients' answers.
const partingPart = 0.8

// parting returns what closes WebSockets of a soft stop that ends: some of them at
// each call, at the pace of a drain.
func (e *Engine) parting(began time.Time, limit time.Duration) func(now time.Time) {
	pace := backend.NewPace(began)
	end := began.Add(time.Duration(partingPart * float64(limit)))
	left, open := make([]atomic.Int64, len(e.loops)), 0
	return func(now time.Time) {
		n := pace.Share(int64(open), end, now)
		part := make([]int, len(e.loops))
		for i := range part {
			part[i] = min(n, int(left[i].Load()))
			n -= part[i]
		}
		open = e.sum(e.ctx, func(i int) int {
			n := e.planes[i].Carrier().Part(part[i])
			left[i].Store(int64(n))
			return n
		})
	}
}

// farewellTime is how long WebSockets have to answer the Close frame that a
// stop sends them; it is also how long their connections are read on.
const farewellTime = time.Second

// farewell tells all WebSockets that the process goes away (Close 1001), and
// waits until their connections have ended.
func (e *Engine) farewell() {
	if e.env.Conns.Cur() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, farewellTime)
	defer cancel()
	open := e.sum(ctx, func(i int) int { return e.planes[i].Carrier().Farewell() })
	tick := time.NewTicker(watchEmpty)
	defer tick.Stop()
	for open > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			open = e.sum(ctx, func(i int) int { return e.planes[i].Parting() })
		}
	}
}

// sum runs f on every loop and adds up what it gives, until all have or ctx ends.
func (e *Engine) sum(ctx context.Context, f func(i int) int) (total int) {
	results := make(chan int, len(e.loops))
	for i, l := range e.loops {
		l.Post(func() { results <- f(i) })
	}
	for range e.loops {
		select {
		case n := <-results:
			total += n
		case <-ctx.Done():
			return total
		}
	}
	return total
}

// Stop ends everything: WebSockets are told so, for up to a second, then all
// connections are closed and logs are flushed.
func (e *Engine) Stop() {
	if !e.ended.Swap(true) {
		e.farewell()
	}
	e.stopping.Store(true)
	e.board.Close()
	for _, l := range e.loops {
		l.Stop()
	}
	e.lanes.Wait()
	e.end()
	e.admin.Close()
	e.checks.Wait()
	e.runs.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.listeners {
		_ = a.Close()
	}
	for _, a := range e.leaving {
		_ = a.Close()
	}
}

// Pause stops accepting; clients wait in the kernel's queue (SIGTTOU).
func (e *Engine) Pause() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.paused.Swap(true) {
		return
	}
	for _, a := range e.listeners {
		a.Pause(nil)
	}
	e.log.Warn("listeners are paused")
}

// Resume accepts again (SIGTTIN).
func (e *Engine) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.paused.Swap(false) {
		return
	}
	for _, a := range e.listeners {
		if a.to.Load().fe.Stage() == stream.Open {
			a.Resume()
		}
	}
	e.log.Warn("listeners accept again")
}
