package engine

import (
	"net/netip"
	"sync/atomic"

	"bascule/internal/listener"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// An accepting is a listener with the frontend that it feeds, which a reload
// may change.
type accepting struct {
	*listener.Listener
	key string
	fe  atomic.Pointer[stream.Frontend]
}

// serve gives a listener's connections to the planes.
func (e *Engine) serve(a *accepting) {
	a.Serve(e.loops, func(l *loop.Loop, fd int, from, to netip.AddrPort) {
		fe, on := a.fe.Load(), listener.Spread(e.loops, l)
		if on == l {
			e.planes[l.Index()].Accept(fd, from, to, fe)
			return
		}
		on.Post(func() { e.planes[on.Index()].Accept(fd, from, to, fe) })
	}, func() bool { return e.room(a.fe.Load()) })
}

// room says whether maxconn allows another connection.
func (e *Engine) room(fe *stream.Frontend) bool {
	if e.env.Conns.Cur() >= e.env.MaxConn.Load() {
		return false
	}
	limit := fe.Rules().Cfg.MaxConn
	return limit <= 0 || fe.Cur.Cur() < int64(limit)
}
