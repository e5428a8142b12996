package engine

import (
	"fmt"
	"net"
	"time"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/stream"
)

// The methods that make an Engine an admin.Process.

// onLoops runs f on every loop and waits for all; false if the engine stopped
// before.
func (e *Engine) onLoops(f func(i int)) bool {
	done := make(chan struct{}, len(e.loops))
	for i, l := range e.loops {
		l.Post(func() {
			f(i)
			done <- struct{}{}
		})
	}
	for range e.loops {
		select {
		case <-done:
		case <-e.ctx.Done():
			return false
		}
	}
	return true
}

// Turns waits until every loop has turned; false if the engine stopped before.
func (e *Engine) Turns() bool { return e.onLoops(func(int) {}) }

// Sessions lists the streams under way, of all loops.
func (e *Engine) Sessions() []stream.Session {
	lists := make([][]stream.Session, len(e.loops))
	if !e.onLoops(func(i int) { lists[i] = e.planes[i].Carrier().Sessions(nil) }) {
		return nil
	}
	var all []stream.Session
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// Kill ends one stream; false if there is none with that number.
func (e *Engine) Kill(id uint64) bool {
	found := make([]bool, len(e.loops))
	if !e.onLoops(func(i int) { found[i] = e.planes[i].Carrier().Kill(id) }) {
		return false
	}
	for _, f := range found {
		if f {
			return true
		}
	}
	return false
}

// ShutdownSessions ends all streams of a server, as an operator's word.
func (e *Engine) ShutdownSessions(srv *backend.Server) {
	e.onLoops(func(i int) { e.planes[i].Carrier().Shutdown(srv, 'K') })
}

// DumpServers logs the state of all servers (SIGHUP).
func (e *Engine) DumpServers() {
	say := func(text string) {
		e.log.Warn(text)
		e.tell(backend.LevelWarning, text)
	}
	say("SIGHUP received, dumping servers states.")
	for _, b := range e.order.Load().backends {
		for _, s := range b.Servers() {
			say(fmt.Sprintf("SIGHUP: Server %s/%s is %s. Conn: %d act, %d pend, %d tot.",
				b.Name(), s.Name, s.Status(), s.Cur.Cur(), s.Queue.Cur(), s.Counters.Sum(backend.Sessions)))
		}
		if len(b.Servers()) == 0 {
			say(fmt.Sprintf("SIGHUP: Proxy %s has no servers. Conn: act(FE+BE): 0+%d, %d pend (0 unass), tot(FE+BE): 0+%d.",
				b.Name(), b.Cur.Cur(), b.Queue.Cur(), b.Counters.Sum(backend.Sessions)))
		}
	}
}

// tick ends removed backends and measures the loops, until the engine stops.
func (e *Engine) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case now := <-t.C:
			e.idle.sample(e.loops, now)
			e.bury()
			e.renew(now)
			e.lookAtLimits(now)
			e.follow()
		}
	}
}

// bury ends removed backends whose last stream is over.
func (e *Engine) bury() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r := range e.gone {
		if r.Cur.Cur() == 0 {
			r.end()
			delete(e.gone, r)
			e.depart()
		}
	}
}

// Session serves one session of the runtime socket on conn, until it is over.
func (e *Engine) Session(conn net.Conn, level admin.Level, severity string) {
	e.admin.Session(conn, level, severity)
}
