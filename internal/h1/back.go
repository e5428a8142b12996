package h1

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A back is one connection to a server.
type back struct {
	p   *Plane
	c   *loop.Conn
	srv *backend.Server
	s   *stream.Stream // nil while idle

	method  wire.Method
	epoch   uint32 // of srv when it was dialled: a later one has another address, or was down
	dialing bool
	used    int  // requests before this one
	stuck   bool // the server did not take all; a Ready is awaited
	tunnel  bool
	up      *wire.Frames // of a WebSocket, towards the server; else nil

	out  framing // framing of the request's body
	upOK bool    // the request was sent whole

	in     wire.Body // framing of the reply's body, if headOK
	headOK bool
	left   int64
	chunks *wire.Chunks
	close  bool // the connection cannot be used again
}

// Connect gets a connection to srv, see stream.Dialer.
func (p *Plane) Connect(s *stream.Stream, srv *backend.Server, fresh bool) (stream.Back, bool, error) {
	if !fresh {
		if b := p.kept(s, srv); b != nil {
			b.start(s)
			return b, true, nil
		}
	}
	b := &back{p: p, srv: srv, dialing: true}
	b.epoch = srv.Epoch() // before the address: should it change just now, the connection is the old one's
	c, err := p.loop.Dial(srv.Addr(), b)
	if err != nil {
		return nil, false, err
	}
	b.c = c
	b.start(s)
	return b, false, nil
}

func (b *back) start(s *stream.Stream) {
	b.s = s
	b.upOK, b.headOK, b.stuck = false, false, false
	b.close = !s.KeepsServer()
}

// kept takes an idle connection to srv that looks alive, newest first.
func (p *Plane) kept(s *stream.Stream, srv *backend.Server) *back {
	if srv.Index >= len(p.pools) {
		return nil
	}
	policy := s.Reuse()
	for pool := p.pools[srv.Index]; len(pool) > 0; pool = p.pools[srv.Index] {
		b := pool[len(pool)-1]
		switch {
		case policy == config.ReuseNever,
			policy == config.ReuseSafe && s.First(),
			policy == config.ReuseAggressive && s.First() && b.used < 2:
			return nil
		}
		pool[len(pool)-1] = nil
		p.pools[srv.Index] = pool[:len(pool)-1]
		srv.IdleConns.Add(-1)
		// A request that may be sent twice needs no look: should the server
		// have closed just now, it goes out again on a fresh connection.
		if b.epoch == srv.Epoch() && (s.Repeatable() && b.c.Idle() || b.c.Peek()) {
			return b
		}
		b.c.Close()
	}
	return nil
}

// Ready reads and writes what can be, see loop.Handler.
func (b *back) Ready(c *loop.Conn) {
	if b.dialing {
		if !b.dialed() {
			return
		}
	}
	if b.s == nil {
		b.idleEnds()
		return
	}
	if b.stuck && c.Pending() == 0 {
		b.stuck = false
		b.s.ServerWritable()
		if b.s == nil {
			return
		}
	}
	b.read()
}

// dialed says whether the connection is established by now.
func (b *back) dialed() bool {
	done, err := b.c.DialDone()
	if err != nil {
		s := b.s
		b.s = nil
		b.c.Close()
		if s != nil {
			s.ServerFailed(stream.DialWhy(err))
		}
		return false
	}
	if !done {
		return false
	}
	b.dialing = false
	if b.s == nil {
		b.c.Close()
		return false
	}
	b.s.ServerConnected()
	return b.s != nil
}

// idleEnds closes an idle connection on which something happened: the server
// ended it, or sent what nobody asked for.
func (b *back) idleEnds() {
	if b.srv.Index < len(b.p.pools) {
		pool := b.p.pools[b.srv.Index]
		for i := len(pool) - 1; i >= 0; i-- {
			if pool[i] == b {
				b.p.pools[b.srv.Index] = append(pool[:i], pool[i+1:]...)
				b.srv.IdleConns.Add(-1)
				break
			}
		}
	}
	b.c.Close()
}

// Expired is a server that is late, or an idle connection that nobody used.
func (b *back) Expired(*loop.Conn) {
	if b.s == nil {
		b.idleEnds()
		return
	}
	b.s.ServerTimeout()
}

// Broken ends the stream of a connection whose handling panicked.
func (b *back) Broken(*loop.Conn) {
	if b.p.owner == writer(b) {
		b.p.owner, b.p.out = nil, b.p.out[:0]
	}
	b.lost(stream.Reset)
}

// lost closes the connection and tells the stream.
func (b *back) lost(why stream.Why) {
	s := b.s
	b.s = nil
	b.c.Close()
	if s == nil {
		return
	}
	if b.tunnel {
		s.TunnelBroken(true)
		return
	}
	s.ServerLost(why)
}

// Release keeps the connection if it can carry another request, see stream.Back.
func (b *back) Release() {
	b.s = nil
	most := b.srv.Config().PoolMaxConn
	if b.tunnel {
		b.c.CloseAfterSend() // the last bytes may still have to be sent
		return
	}
	if b.close || !b.upOK || !b.headOK || b.stuck || b.c.Ended() || b.p.soft || b.epoch != b.srv.Epoch() ||
		most >= 0 && int(b.srv.IdleConns.Load()) >= most {
		b.c.Close()
		return
	}
	b.used++
	b.c.SetDeadline(idleFor)
	for b.srv.Index >= len(b.p.pools) {
		b.p.pools = append(b.p.pools, nil)
	}
	b.p.pools[b.srv.Index] = append(b.p.pools[b.srv.Index], b)
	b.srv.IdleConns.Add(1)
}

// Abort closes at once, see stream.Back. A tunnel's server is told politely
// where its frames allow it.
func (b *back) Abort() {
	b.s = nil
	if b.tunnel && !b.dialing {
		b.endTunnel()
		return
	}
	b.c.Close()
}

// SetDeadline bounds the next step of the server.
func (b *back) SetDeadline(d time.Duration) { b.c.SetDeadline(d) }

// Reused says that the connection had carried a request before.
func (b *back) Reused() bool { return b.used > 0 }
