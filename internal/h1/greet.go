package h1

import (
	"errors"

	"bascule/internal/loop"
	"bascule/internal/stream"
)

// greet begins TLS with the server. The deadline of the connect is the handshake's
// too, which runs beside the loop.
func (b *back) greet() {
	with := b.srv.TLS()
	if with == nil { // a reload took it away just now; nothing goes in the clear
		b.unreached(stream.Refused)
		return
	}
	b.stage = greeting
	b.p.shakes.Greet(b.c, with.For(string(b.s.ServerName(b.srv))), func(err error) {
		b.c.SetHandler(&greeted{b, err})
		b.c.Again()
	})
}

// A greeted is the handler of a connection whose handshake is over, for one turn:
// should what follows panic, the connection is what ends.
type greeted struct {
	b   *back
	err error
}

// Ready tells the stream of the handshake's end.
func (g *greeted) Ready(c *loop.Conn) {
	b := g.b
	c.SetHandler(b)
	b.srv.Counters.Shaken(b.p.loop.Index(), c.TLS(), g.err)
	b.srv.Backend().Counters.Shaken(b.p.loop.Index(), c.TLS(), g.err)
	if b.s != nil && g.err != nil {
		b.srv.Unshaken(g.err)
	}
	switch {
	case b.s == nil:
		c.Close()
	case errors.Is(g.err, loop.ErrHandshakeLate):
		b.Expired(c)
	case g.err != nil:
		b.unreached(stream.Refused)
	default:
		b.connected()
	}
}

// Expired is the connect's deadline, right behind the end of the handshake.
func (g *greeted) Expired(c *loop.Conn) {
	c.SetHandler(g.b)
	g.b.Expired(c)
}

// Broken is back.Broken.
func (g *greeted) Broken(c *loop.Conn) { g.b.Broken(c) }
