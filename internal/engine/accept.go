package engine

import (
	"net/netip"
	"sync/atomic"

	"bascule/internal/config"
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
			e.carry(on, fd, from, to, fe)
			return
		}
		on.Post(func() { e.carry(on, fd, from, to, fe) })
	}, func() bool { return e.room(a.fe.Load()) })
}

// carry gives a connection to the plane of its frontend's mode, on its loop.
func (e *Engine) carry(l *loop.Loop, fd int, from, to netip.AddrPort, fe *stream.Frontend) {
	if fe.Rules().Cfg.Mode == config.ModeTCP {
		e.raw[l.Index()].Accept(fd, from, to, fe)
		return
	}
	e.planes[l.Index()].Accept(fd, from, to, fe)
}

// room says whether maxconn allows another connection.
func (e *Engine) room(fe *stream.Frontend) bool {
	if e.env.Conns.Cur() >= e.env.MaxConn.Load() {
		return false
	}
	limit := fe.Rules().Cfg.MaxConn
	return limit <= 0 || fe.Cur.Cur() < int64(limit)
}
