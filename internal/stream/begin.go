package stream

import (
	"crypto/tls"
	"net/netip"

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
	s.body, s.length = req.Body, req.Length
	if req.Body == wire.BodyLength && req.Length == 0 {
		s.body = wire.BodyNone // its length goes on, nothing follows
	}
	s.bodyDone = s.body == wire.BodyNone || s.body == wire.BodyTunnel
	s.minor, s.expects = req.Minor, req.Expect100
	m := req.MethodBytes()
	s.nMethod = len(m)
	s.line = append(append(s.line[:0], m...), req.Target()...)
	s.capture(rules.Cfg, req)
	x := c.fill(s) // behind capture: rules read its slots and write into them
	x.Req = req
	if f := rules.Cfg.UniqueID; f != nil {
		s.unique = append(s.unique[:0], f.Eval(x)...)
		x.UniqueID = s.unique
	}
	s.countIn(backend.Requests)
	s.proceed(x, s.Life.Request(rules, x, &c.Out, c.Loop.Index()))
}

// proceed obeys the order of a request whose head is in x.
func (s *Stream) proceed(x *rule.Ctx, o Order) {
	c, req := s.car, x.Req
	if s.be != nil && !s.counted {
		s.enter()
	}
	if s.held != nil && o.Kind != Hold {
		s.t.head = c.Loop.Now()
	}
	if len(s.request.marks.Hints) > 0 {
		s.hints()
	}
	if o.Kind == Reply && o.Answer.Make != nil { // while the request can be looked at
		o.Answer = o.Answer.Make.Build(x, &c.Out)
	}
	if o.Kind.connects() || o.Kind == Queue {
		if s.cfg.SendName != "" {
			req.DeleteName([]byte(s.cfg.SendName))
		}
		s.head = req.AppendTo(s.head[:0], req.Body, req.Length, s.connField(req))
		s.asked = req.Method
	}
	if o.Kind == Serve {
		s.serve(req)
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
	s.countIn(backend.ReqErrors)
	s.countIn(backend.Requests)
	s.run(s.Life.Refuse(fe.Rules(), status, who, l))
}

// Unused notes a client that left without a word; nobody is answered.
func (c *Carrier) Unused(front Front, fe *Frontend, info *Client) {
	s := c.open(front, fe, info, c.Loop.Now())
	s.bodyDone = true
	s.minor = 255
	l := c.Loop.Index()
	s.countIn(backend.ReqErrors)
	s.countIn(backend.Requests)
	s.Life.Refuse(fe.Rules(), 400, 'C', l)
	s.run(Order{Kind: Drop})
}

func (s *Stream) connField(req *wire.Request) wire.Conn {
	if req.Upgrade {
		return wire.ConnUpgrade
	}
	if !s.KeepsServer() && !s.cfg.PretendKeepAlive {
		return wire.ConnClose
	}
	return wire.ConnNone
}

func (c *Carrier) open(front Front, fe *Frontend, info *Client, first int64) *Stream {
	s := c.stream()
	r := s.request
	r.reset()
	r.own.client = info
	*s = Stream{}
	s.choosing, s.rules, s.Life.marks = &r.own, fe.Rules(), &r.marks
	s.request, s.car, s.fe, s.front, s.info = r, c, fe, front, info
	s.id, s.first, s.next = fe.Env.nextID.Add(1), first, c.live
	if info.Vars != nil {
		s.vars.Take(info.Vars)
	}
	if c.live != nil {
		c.live.prev = s
	}
	c.live = s
	front.Carry(s)
	return s
}

func (c *Carrier) fill(s *Stream) *rule.Ctx {
	x := &c.Ctx
	x.Src, x.Dst, x.Now = s.from(), s.to(), c.Loop.Wall()
	x.Frontend, x.Backend, x.Server = s.fe.Name, "", ""
	x.Method, x.Target, x.Minor = s.line[:s.nMethod], s.line[s.nMethod:], s.minor
	x.ConnSrc, x.ConnDst, x.Loop = s.info.From, s.info.To, c.Loop.Index()
	x.FrontendID, x.DefaultBackend = s.rules.Cfg.ID, s.rules.defaultName()
	if s.srv != nil {
		x.ServerID = s.srv.ID()
	}
	x.First = s.info.Requests == 0
	x.Req, x.Res, x.Vars, x.Captures, x.TLS = nil, nil, &s.vars, s.reqCaps, s.secured()
	x.ServerTLS = s.server
	x.ResCaps, x.Marks, x.World = s.resCaps, &s.request.marks, s.rules.World
	x.CaptureLens, x.ResCapLens = s.rules.reqLens, s.rules.resLens
	x.UniqueID, x.Number = s.unique, s.id
	x.Body, x.BodyWhole, x.BodySize = nil, false, 0
	x.Payload, x.Partial = nil, false
	if h := s.held; h != nil {
		x.Body, x.BodyWhole = s.carried.first(), s.bodyDone
		if x.BodySize = int64(s.carried.size); h.req.Body == wire.BodyLength {
			x.BodySize = h.req.Length
		}
	}
	return x
}

// secured is the TLS of the client's connection, nil without.
func (s *Stream) secured() *tls.Conn {
	if !s.info.TLS {
		return nil
	}
	return s.front.TLS()
}

// from and to are the ends of the client's connection, as the rules see them.
func (s *Stream) from() netip.AddrPort {
	if m := s.Life.marks; m != nil && m.Src.IsValid() {
		return m.Src
	}
	return s.info.From
}

func (s *Stream) to() netip.AddrPort {
	if m := s.Life.marks; m != nil && m.Dst.IsValid() {
		return m.Dst
	}
	return s.info.To
}
