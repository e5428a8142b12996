package stream

import (
	"bytes"

	"bascule/internal/backend"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// Connection decides where a connection of mode tcp goes: there is no request
// to look at, and once a server is reached all that remains is a tunnel.
func (l *Life) Connection(rules *Rules, x *rule.Ctx, loop int) Order {
	*l = Life{rules: rules, loop: loop, phase: 'C', tcp: true, term: [2]byte{'-', '-'}}
	if l.be = rules.choose(x); l.be == nil {
		return l.fail(503, 'S', 'C')
	}
	l.cfg = l.be.Config()
	l.retries = l.cfg.Retries
	return l.place(x)
}

// BeginConnection starts the stream of a client connection of mode tcp. It
// may be over when BeginConnection returns.
func (c *Carrier) BeginConnection(front Front, fe *Frontend, info *Client) {
	now := c.Loop.Now()
	s := c.open(front, fe, info, now)
	s.t.head, s.bodyDone, s.minor = now, true, 0
	o := s.Life.Connection(fe.Rules(), c.fill(s), c.Loop.Index())
	if s.be != nil {
		s.be.Cur.Enter()
		s.be.Counters.Add(c.Loop.Index(), backend.Sessions, 1)
	}
	s.run(o)
}

// isWebSocket says whether a switch of protocols leads to WebSocket frames.
func isWebSocket(rep *wire.Reply) bool {
	i := rep.FindID(wire.FieldUpgrade, 0)
	return i >= 0 && bytes.EqualFold(rep.Value(&rep.Fields[i]), []byte("websocket"))
}
