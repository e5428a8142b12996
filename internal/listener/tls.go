package listener

import (
	"errors"

	"bascule/internal/loop"
	"bascule/internal/stream"
)

// secure makes the handshake, where the bind has ssl, and lets the connection pass.
func (d Door) secure(c *loop.Conn, info stream.Client) {
	if d.TLS == nil {
		d.pass(c, info)
		return
	}
	g := &guest{Door: d, info: info}
	c.SetHandler(g) // who is told should it break
	c.SetDeadline(d.Fe.HandshakeTimeout())
	d.Shake.Serve(c, info.From.Addr(), d.TLS, func(err error) {
		d.Fe.Counters.Shaken(d.Car.Loop.Index(), c.TLS(), err)
		switch {
		case errors.Is(err, loop.ErrHandshakeCrowded): // not logged one by one
			d.Fe.Leave(info.Of)
			c.Reset()
			return
		case err != nil:
			why, secured := failed(err)
			g.end(c, why, secured, why.Code != failEnd && why.Code != failTimeout)
			return
		}
		g.info.TLS = true
		g.pass(c, g.info)
	})
}
