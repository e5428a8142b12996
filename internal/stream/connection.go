package stream

import (
	"bytes"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

// Connection decides where a connection of mode tcp goes: there is no request
// to look at, and once a server is reached all that remains is a tunnel.
func (l *Life) Connection(rules *Rules, x *rule.Ctx, out *rule.Outcome, loop int) Order {
	l.begin(rules, loop, 'C')
	l.tcp, l.term, l.step = true, [2]byte{'-', '-'}, frontRules
	return l.Inspect(x, out)
}

// BeginConnection starts the stream of a client connection of mode tcp. It
// may be over when BeginConnection returns.
func (c *Carrier) BeginConnection(front Front, fe *Frontend, info *Client) {
	now := c.Loop.Now()
	s := c.open(front, fe, info, now)
	s.t.head, s.bodyDone, s.minor = now, true, 0
	x := c.fill(s)
	x.Partial = true
	o := s.Life.Connection(fe.Rules(), x, &c.Out, c.Loop.Index())
	s.enterBackend()
	front.SetDeadline(s.clientTimeout()) // it may talk from the start
	s.run(o)
}

// isWebSocket says whether a switch of protocols leads to WebSocket frames.
func isWebSocket(rep *wire.Reply) bool {
	i := rep.FindID(wire.FieldUpgrade, 0)
	return i >= 0 && bytes.EqualFold(rep.Value(&rep.Fields[i]), []byte("websocket"))
}
