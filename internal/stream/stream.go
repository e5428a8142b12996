package stream

import (
	"fmt"
	"net/netip"
	"time"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A Stream carries one request and its reply, or a tunnel: it obeys the
// orders of its Life over a front and a back. It belongs to one loop and is
// reused for later streams.
type Stream struct {
	Life
	id    uint64
	car   *Carrier
	fe    *Frontend
	front Front
	back  Back
	info  *Client
	prev  *Stream
	next  *Stream

	head     []byte // the request's head as it is sent, kept for another try
	line     []byte // method and target as they came, for the log
	nMethod  int
	minor    uint8
	body     wire.Body
	bodyDone bool // the request's body has been passed on whole
	sent     bool // the head was given to a server
	tunnel   bool
	upDone   bool // the client has ended its direction of the tunnel
	downDone bool
	silent   bool
	over     bool
	vars     rule.Vars
	reqCaps  [][]byte // of capture request header and http-request capture
	resCaps  [][]byte
	timer    *loop.Timer
	ticket   *ticket
	t        times
}

// times are instants of the loop's clock in nanoseconds; 0: not reached.
type times struct {
	first, head, slot, conn, reply int64
}

// A Client is what a front knows of its connection.
type Client struct {
	From, To netip.AddrPort
	Accepted int64 // loop's clock, nanoseconds
	Wall     time.Time
	Requests int // before this one
	TLS      bool
}

// Begin starts the stream of a request whose head was read. first is the
// instant of its first byte. The stream may be over when Begin returns.
func (c *Carrier) Begin(front Front, fe *Frontend, req *wire.Request, info *Client, first int64) {
	s := c.open(front, fe, info, first)
	rules := fe.Rules()
	s.t.head = c.Loop.Now()
	s.body, s.bodyDone = req.Body, req.Body == wire.BodyNone || req.Body == wire.BodyTunnel
	s.minor = req.Minor
	if rules.Cfg.LogFormat != nil {
		m := req.MethodBytes()
		s.nMethod = len(m)
		s.line = append(append(s.line[:0], m...), req.Target()...)
	}
	x := c.fill(s)
	x.Req = req
	c.Out.Silent = false
	s.capture(rules.Cfg, req)
	fe.Counters.Add(c.Loop.Index(), backend.Requests, 1)
	o := s.Life.Request(rules, x, &c.Out, c.Loop.Index())
	s.silent = c.Out.Silent
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
	s.sent, s.tunnel, s.upDone, s.downDone, s.silent = false, false, false, false, false
	s.line, s.nMethod = s.line[:0], 0
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

// run obeys orders until one has to wait for an event.
func (s *Stream) run(o Order) {
	for !s.over {
		switch o.Kind {
		case Connect:
			var wait bool
			if o, wait = s.connect(o); wait {
				return
			}
			continue
		case Queue:
			s.enqueue(o)
		case Pause:
			s.car.Loop.SetTimer(s.timer, o.Delay)
		case Send:
			s.send()
		case Reply:
			s.dropBack()
			s.answer(o.Answer)
			s.finish(true)
		case Drop, Cut:
			s.finish(false)
		case Finish:
			s.finish(true)
		}
		return
	}
}

func (s *Stream) connect(o Order) (next Order, wait bool) {
	s.t.slot = s.car.Loop.Now() // of the last try, as HAProxy's %Tw
	s.attempts++
	b, ready, err := s.car.Dialer.Connect(s, o.Srv, o.Fresh)
	if err != nil {
		return s.Life.Failed(DialWhy(err)), false
	}
	s.back = b
	l := s.car.Loop.Index()
	s.srv.Counters.Add(l, backend.Sessions, 1)
	if b.Reused() {
		s.srv.Counters.Add(l, backend.Reuses, 1)
	} else {
		s.srv.Counters.Add(l, backend.Connects, 1)
	}
	if ready {
		s.t.conn = s.car.Loop.Now()
		return s.Life.Connected(), false
	}
	b.SetDeadline(s.cfg.Timeouts.Connect)
	return Order{}, true
}

// ServerConnected says that the back's connection is established.
func (s *Stream) ServerConnected() {
	s.t.conn = s.car.Loop.Now()
	s.run(s.Life.Connected())
}

// ServerFailed says that no connection came about; the back has closed itself.
func (s *Stream) ServerFailed(why Why) {
	s.back = nil
	s.run(s.Life.Failed(why))
}

func (s *Stream) send() {
	b := s.back
	s.sent = true
	s.srv.Counters.Add(s.car.Loop.Index(), backend.Requests, 1)
	b.SendHead(s.head, s.method, s.body)
	b.SetDeadline(s.cfg.Timeouts.Server)
	if !s.bodyDone {
		s.front.SetDeadline(s.rules.Cfg.Timeouts.Client)
		s.front.Pump()
		if s.over {
			return
		}
	}
	if s.back != nil {
		s.back.Flush()
	}
}

// WantsBody says whether the front may read more of the request's body.
func (s *Stream) WantsBody() bool {
	return !s.over && s.sent && !s.bodyDone && s.back != nil && !s.back.Blocked()
}

// FromBody passes on a piece of the request's body. The front flushes.
func (s *Stream) FromBody(p []byte) {
	if s.back != nil {
		s.back.SendData(p)
		s.back.SetDeadline(s.cfgServerTimeout())
	}
}

// FromEnd says that the request's body is complete.
func (s *Stream) FromEnd(trailers []byte) {
	s.bodyDone = true
	s.front.SetDeadline(0)
	if s.back != nil {
		s.back.SendEnd(trailers)
	}
}

// FlushBack sends what FromBody and FromEnd gave.
func (s *Stream) FlushBack() {
	if !s.over && s.back != nil {
		s.back.Flush()
	}
}

// BodyDone says whether the request's body was passed on whole.
func (s *Stream) BodyDone() bool { return s.bodyDone }

// FromBad says that the request's body is malformed.
func (s *Stream) FromBad() {
	if s.begun {
		s.term = [2]byte{'C', 'D'}
		s.run(Order{Kind: Cut})
		return
	}
	s.fe.Counters.Add(s.car.Loop.Index(), backend.ReqErrors, 1)
	s.run(s.Life.fail(400, 'P', 'R'))
}

// ReplyHead takes the head of the server's reply, final or interim.
func (s *Stream) ReplyHead(rep *wire.Reply) {
	if rep.Status < 200 && rep.Status != 101 {
		if s.minor >= 1 {
			s.front.WriteHead(rep)
			s.front.Flush()
		}
		return
	}
	if rep.Body == wire.BodyTunnel && !s.upgrade {
		s.dropBack() // a switch of protocols that nobody asked for
		s.run(s.Life.Lost(Garbage, false, false))
		return
	}
	c := s.car
	s.t.reply = c.Loop.Now()
	s.captureReply(rep)
	x := c.fill(s)
	x.Res = rep
	x.Backend, x.Server = s.cfg.Name, s.srv.Name
	o := s.Life.Reply(x, &c.Out)
	switch o.Kind {
	case Relay:
		s.front.WriteHead(rep)
	case Tunnel:
		s.front.WriteHead(rep)
		s.enterTunnel()
	default:
		s.run(o)
	}
}

func (s *Stream) enterTunnel() {
	s.tunnel, s.bodyDone = true, true
	s.front.Tunnel()
	s.back.Tunnel()
	s.tunnelDeadline()
}

// ReplyData passes on a piece of the reply's body. The back flushes.
func (s *Stream) ReplyData(p []byte) {
	s.front.WriteData(p)
	s.back.SetDeadline(s.cfgServerTimeout())
}

// ReplyEnd says that the reply is complete.
func (s *Stream) ReplyEnd(trailers []byte) {
	s.front.WriteEnd(trailers)
	s.run(s.Life.Relayed())
}

// FlushFront sends what ReplyData gave, and minds a client that does not take it.
func (s *Stream) FlushFront() {
	if s.over {
		return
	}
	s.front.Flush()
	if !s.tunnel && s.front.Blocked() {
		s.front.SetDeadline(s.rules.Cfg.Timeouts.Client)
		s.back.SetDeadline(0) // the server is not late: it is not being read
	}
}

// ClientWritable says that a blocked client takes more again.
func (s *Stream) ClientWritable() {
	if s.over || s.back == nil {
		return
	}
	if !s.tunnel {
		s.front.SetDeadline(0)
		s.back.SetDeadline(s.cfgServerTimeout())
	}
	s.back.Resume()
}

func (s *Stream) cfgServerTimeout() time.Duration {
	if s.cfg == nil {
		return 0
	}
	return s.cfg.Timeouts.Server
}

// ServerWritable says that a blocked server takes more again.
func (s *Stream) ServerWritable() {
	if !s.over {
		s.front.Pump()
		s.FlushBack()
	}
}

// ServerLost says that the server's connection failed after the request was
// sent; the back has closed itself.
func (s *Stream) ServerLost(why Why) {
	reused := s.back != nil && s.back.Reused()
	s.back = nil
	if s.begun {
		s.run(s.Life.Broke(why))
		return
	}
	s.sent = false
	s.run(s.Life.Lost(why, reused, true))
}

// ServerTimeout says that the back's deadline passed.
func (s *Stream) ServerTimeout() {
	if s.tunnel {
		s.term = [2]byte{'s', 'D'}
		s.run(Order{Kind: Cut})
		return
	}
	b := s.back
	s.back = nil
	b.Abort()
	switch {
	case !s.sent:
		s.run(s.Life.Failed(Timeout))
	case s.begun:
		s.run(s.Life.Broke(Timeout))
	default:
		s.run(s.Life.Lost(Timeout, false, false))
	}
}

// ClientGone says that the client left.
func (s *Stream) ClientGone() {
	if !s.over {
		s.run(s.Life.Gone(false))
	}
}

// ClientTimeout says that the front's deadline passed.
func (s *Stream) ClientTimeout() {
	if s.tunnel {
		s.term = [2]byte{'c', 'D'}
		s.run(Order{Kind: Cut})
		return
	}
	s.run(s.Life.Gone(true))
}

// Kill ends the stream because its server was marked down or an operator
// said so; code is the first letter of the termination code.
func (s *Stream) Kill(code byte) {
	if s.over {
		return
	}
	s.dropBack()
	if s.begun {
		o := s.Life.Broke(MarkedDown)
		s.term[0] = code
		s.run(o)
		return
	}
	s.run(s.Life.fail(503, code, s.phase))
}

func (s *Stream) dropBack() {
	if b := s.back; b != nil {
		s.back = nil
		b.Abort()
	}
}

// answer sends an answer made here; http-after-response sees it first.
func (s *Stream) answer(a *rule.Answer) {
	if len(s.rules.Cfg.HTTPAfter) == 0 && (s.cfg == nil || len(s.cfg.HTTPAfter) == 0) {
		s.front.WriteAnswer(a)
		return
	}
	c := s.car
	c.answer = appendAnswer(c.answer[:0], a)
	if c.rep.Parse(c.answer, nil, s.method) != wire.Done {
		s.front.WriteAnswer(a) // an error file that is no HTTP head: as it stands
		return
	}
	x := c.fill(s)
	x.Res = &c.rep
	s.Life.after(x, &c.Out)
	s.status = c.rep.Status
	s.front.WriteHead(&c.rep)
	if s.method != wire.MethodHead && len(a.Body) > 0 {
		s.front.WriteData(a.Body)
	}
}

func appendAnswer(dst []byte, a *rule.Answer) []byte {
	dst = fmt.Appendf(dst, "HTTP/1.1 %d %s\r\n", a.Status, a.Reason)
	dst = append(dst, a.Fields...)
	return fmt.Appendf(dst, "Content-Length: %d\r\n\r\n", len(a.Body))
}

// finish ends the stream: counters, log line, connections.
func (s *Stream) finish(whole bool) {
	c := s.car
	s.over = true
	c.Loop.StopTimer(s.timer)
	s.unqueue()
	b := s.back
	s.back = nil
	s.front.Flush()
	if b != nil {
		if whole && s.bodyDone {
			b.Release()
		} else {
			b.Abort()
		}
	}
	s.Life.leave()
	if s.be != nil {
		s.be.Cur.Leave()
	}
	s.account()
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		c.live = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	f := s.front
	s.front, s.info = nil, nil
	c.free = append(c.free, s)
	f.Done(whole)
}
