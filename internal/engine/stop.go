package engine

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// applied is the event that gives a backend its configuration.
func applied(px *config.Proxy) backend.Event { return backend.Apply{Cfg: px} }

// watchEmpty is how often a stopping process looks whether its last client
// has left.
const watchEmpty = 50 * time.Millisecond

// SoftStop lets clients finish: listeners are drained and closed, kept
// connections end with their current reply, checks end. The channel is closed
// when nobody is left, or when hard-stop-after is over. `grace` goes by before
// anything is closed.
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
	e.mu.Unlock()
	e.Release()
	if !first {
		return
	}
	e.checks.Apply(nil)
	for i, l := range e.loops {
		l.Post(e.planes[i].SoftStop)
	}
}

func (e *Engine) awaitEmpty(limit time.Duration) {
	tick := time.NewTicker(watchEmpty)
	defer tick.Stop()
	var late <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		late = t.C
	}
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-late:
			e.log.Warn("hard-stop-after is over", "connections", e.env.Conns.Cur())
			return
		case <-tick.C:
			if e.env.Conns.Cur() == 0 {
				return
			}
		}
	}
}

// Stop ends everything at once: connections are closed, logs are flushed.
func (e *Engine) Stop() {
	e.stopping.Store(true)
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
		a.Resume()
	}
	e.log.Warn("listeners accept again")
}
