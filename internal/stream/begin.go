package stream

import (
	"bascule/internal/backend"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// Begin starts the stream of a request whose head was read. first is the
// instant of its first byte. The stream may be over when Begin returns.
func (c *Carrier) Begin(front Front, fe *Frontend, req *wire.Request, info *Client, first int64) {
	s := c.open(front, fe, info, first)
	rules := fe.Rules()
	s.t.head = c.Loop.Now()
	s.body = req.Body
	if req.Body == wire.BodyLength && req.Length == 0 {
		s.body = wire.BodyNone // its length goes on, nothing follows
	}
	s.bodyDone = s.body == wire.BodyNone || s.body == wire.BodyTunnel
	s.minor = req.Minor
	if rules.Cfg.LogFormat != nil && len(rules.Cfg.Logs) > 0 {
		m := req.MethodBytes()
		s.nMethod = len(m)
		s.line = append(append(s.line[:0], m...), req.Target()...)
	}
	x := c.fill(s)
	x.Req = req
	s.capture(rules.Cfg, req)
	fe.Counters.Add(c.Loop.Index(), backend.Requests, 1)
	o := s.Life.Request(rules, x, &c.Out, c.Loop.Index())
	if s.be != nil {
		s.be.Cur.Enter()
		s.be.Counters.Add(c.Loop.Index(), backend.Sessions, 1)
		s.be.Counters.Add(c.Loop.Index(), backend.Requests, 1)
	}
	if o.Kind == Connect || o.Kind == Queue {
		s.head = req.AppendTo(s.head[:0], req.Body, req.Length, s.connField(req))
	}
	if o.Kind == Serve {
		s.serve(o, req)
		return
	}
	s.run(o)
}

// Refuse answers a connection whose request head is not to be had.
func (c *Carrier) Refuse(front Front, fe *Frontend, info *Client, first int64, status int, who byte) {
	s := c.open(front, fe, info, first)
	s.bodyDone = true
	s.minor = 255
	l := c.Loop.Index()
	fe.Counters.Add(l, backend.ReqErrors, 1)
	fe.Counters.Add(l, backend.Requests, 1)
	s.run(s.Life.Refuse(fe.Rules(), status, who, l))
}

// Unused notes a client that left without a word; nobody is answered.
func (c *Carrier) Unused(front Front, fe *Frontend, info *Client) {
	s := c.open(front, fe, info, c.Loop.Now())
	s.bodyDone = true
	s.minor = 255
	l := c.Loop.Index()
	fe.Counters.Add(l, backend.ReqErrors, 1)
	fe.Counters.Add(l, backend.Requests, 1)
	s.Life.Refuse(fe.Rules(), 400, 'C', l)
	s.run(Order{Kind: Drop})
}

func (s *Stream) connField(req *wire.Request) wire.Conn {
	if req.Upgrade {
		return wire.ConnUpgrade
	}
	if s.cfg != nil && s.cfg.Keep != 0 {
		return wire.ConnClose
	}
	return wire.ConnNone
}

func (c *Carrier) open(front Front, fe *Frontend, info *Client, first int64) *Stream {
	var s *Stream
	if n := len(c.free); n > 0 {
		s, c.free = c.free[n-1], c.free[:n-1]
	} else {
		s = &Stream{car: c}
		s.timer = c.Loop.Timer(func() { s.expired() })
	}
	s.id = fe.Env.nextID.Add(1)
	s.fe, s.front, s.info, s.over = fe, front, info, false
	s.t = times{first: first}
	s.sent, s.tunnel, s.upDone, s.downDone = false, false, false, false
	s.line, s.nMethod, s.head = s.line[:0], 0, s.head[:0]
	s.vars.Reset()
	s.reqCaps, s.resCaps = s.reqCaps[:0], s.resCaps[:0]
	s.prev, s.next = nil, c.live
	if c.live != nil {
		c.live.prev = s
	}
	c.live = s
	front.Carry(s)
	return s
}

func (c *Carrier) fill(s *Stream) *rule.Ctx {
	x := &c.Ctx
	x.Src, x.Dst, x.Now = s.info.From, s.info.To, c.Loop.Wall()
	x.Frontend, x.Backend, x.Server = s.fe.Name, "", ""
	x.First = s.info.Requests == 0
	x.Req, x.Res, x.Vars, x.Captures, x.TLS = nil, nil, &s.vars, s.reqCaps, s.info.TLS
	return x
}
