package stream

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// WantsBody says whether the front may read more of the request's body.
func (s *Stream) WantsBody() bool {
	if s.over || s.bodyDone {
		return false
	}
	if s.holding() {
		return s.Room() > 0
	}
	return s.sent && s.back != nil && !s.carried.behind() && !s.back.Blocked()
}

// FromBody passes on a piece of the request's body. The front flushes.
func (s *Stream) FromBody(p []byte) {
	s.expects = false
	if s.holding() {
		s.gather(p)
		return
	}
	if s.back != nil {
		s.carry(p)
		s.back.SendData(p)
	}
}

// FromEnd says that the request's body is complete.
func (s *Stream) FromEnd(trailers []byte) {
	s.bodyDone, s.expects = true, false
	s.carried.trailers = append(s.carried.trailers[:0], trailers...)
	if s.holding() {
		s.resume()
		return
	}
	if s.back != nil {
		s.endUpload()
		s.await()
	}
}

// FlushBack sends what FromBody and FromEnd gave.
func (s *Stream) FlushBack() {
	if s.holding() {
		if s.held.untimed {
			s.front.SetDeadline(s.clientTimeout())
		}
		s.heldEnough()
		return
	}
	if !s.over && s.back != nil {
		s.back.Flush()
		if !s.tunnel {
			s.await()
		}
	}
}

// await gives the side whose turn it is its time. A client that takes nothing
// is waited for before its server, which is not being read. A server is not
// late while it waits for the rest of the request, unless the client waits for
// its word (Expect: 100-continue).
func (s *Stream) await() {
	var client, server time.Duration
	switch {
	case s.front.Blocked():
		client = s.clientTimeout()
	case s.bodyDone || s.back.Blocked():
		server = s.cfgServerTimeout()
	default:
		client = s.clientTimeout()
		if s.expects {
			server = s.cfgServerTimeout()
		}
	}
	s.front.SetDeadline(client)
	s.awaitServer(server)
}

// awaitServer gives the server its time, 0: any.
func (s *Stream) awaitServer(d time.Duration) {
	s.awaited = s.car.Loop.Now()
	s.back.SetDeadline(d)
}

// heard says that the server was heard of: its time starts anew, unless the client
// takes nothing, so that the server is not read.
func (s *Stream) heard() {
	if s.srv != nil {
		s.srv.Heard(s.car.Loop.Index(), s.car.Loop.Now())
	}
	if s.bodyDone && !s.front.Blocked() {
		s.awaitServer(s.cfgServerTimeout())
		return
	}
	s.expects = false
	s.await()
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
	s.countIn(backend.ReqErrors)
	s.run(s.Life.fail(400, 'P', s.phase))
}

// ReplyHead takes the head of the server's reply, final or interim.
func (s *Stream) ReplyHead(rep *wire.Reply) {
	s.heard()
	s.sawReply(rep.Status)
	s.replied(rep.Status)
	if rep.Status < 200 && rep.Status != 101 {
		if s.passes(rep) {
			s.front.WriteHead(rep)
			s.front.Flush()
		}
		return
	}
	if rep.Body == wire.BodyTunnel && !s.upgrade {
		b := s.back // a switch of protocols that nobody asked for
		s.dropBack()
		s.takeBack()
		s.run(s.Life.Lost(s.evidence(Garbage, b)))
		return
	}
	if o, again := s.Life.Repeats(rep.Status, !s.carried.lost); again {
		s.dropBack()
		s.takeBack()
		s.run(o)
		return
	}
	if rep.Status == 401 || rep.Status == 407 {
		s.info.Login = true
	}
	s.suit(rep)
	c := s.car
	if s.t.reply == 0 { // else it has waited for its end
		s.t.reply = c.Loop.Now()
	}
	s.captureReply(rep)
	s.vars.EndRequest()
	x := c.fillReply(s, rep)
	s.obeyReply(x, s.Life.Reply(x, &c.Out))
}

// obeyReply obeys what was decided about the reply in x.
func (s *Stream) obeyReply(x *rule.Ctx, o Order) {
	switch o.Kind {
	case Relay:
		s.settleBody()
		s.frame(x.Res)
		s.front.WriteHead(x.Res)
		s.logSoon()
	case Tunnel:
		s.carried.next = len(s.carried.pieces) // behind a switch comes no body
		s.settleBody()
		s.front.WriteHead(x.Res)
		s.enterTunnel(isWebSocket(x.Res))
	case Hold:
		s.holdReply(x, o)
	default:
		s.t.reply = 0                                                // nothing of it was passed on
		if o.Kind.connects() || o.Kind == Queue || o.Kind == Pause { // but another try
			s.dropBack()
			s.takeBack()
		}
		if o.Kind == Reply && o.Answer.Make != nil {
			o.Answer = o.Answer.Make.Build(x, &s.car.Out)
		}
		s.run(o)
	}
}

// suit makes a reply to another method than the client's (http-request
// set-method) one to the client's: who sent HEAD gets no body, and who did not
// is promised none where the server was asked for the head alone.
func (s *Stream) suit(rep *wire.Reply) {
	const head = wire.MethodHead
	switch {
	case s.asked == s.method || rep.Body == wire.BodyTunnel:
	case s.method == head:
		s.mute, rep.Body = rep.Body != wire.BodyNone, wire.BodyNone
	case s.asked == head && rep.Status != 204 && rep.Status != 304:
		rep.HasLength, rep.Length = true, 0
	}
}

// frame makes a reply's framing that of its status, which rules may have changed:
// 204 and 304 have no body (RFC 9112 §6.3), and another that came without one
// is promised to be empty.
func (s *Stream) frame(rep *wire.Reply) {
	switch {
	case rep.Status == 204 || rep.Status == 304:
		s.mute, rep.Body = s.mute || rep.Body != wire.BodyNone, wire.BodyNone
	case rep.Body == wire.BodyNone && s.method != wire.MethodHead:
		rep.HasLength, rep.Length = true, 0
	}
}

func (s *Stream) enterTunnel(frames bool) {
	s.logSoon()
	s.tunnel, s.bodyDone, s.tunnelFrames = true, true, frames
	s.look.down = s.tcp && len(s.cfg.TCP.Response) > 0
	s.front.Tunnel(frames)
	s.back.Tunnel(frames)
	s.tunnelDeadline()
	s.countTunnel(1)
	s.settle()
}

// ReplyData passes on a piece of the reply's body. The back flushes.
func (s *Stream) ReplyData(p []byte) {
	if s.holdingReply() {
		s.keepReply(p)
		return
	}
	if !s.mute {
		s.front.WriteData(p)
	}
	s.heard()
}

// ReplyEnd says that the reply is complete.
func (s *Stream) ReplyEnd(trailers []byte) {
	if s.holdingReply() {
		s.kept.whole = true
		s.replyEnough(trailers)
		return
	}
	if !s.mute {
		s.front.WriteEnd(trailers)
	}
	s.run(s.Life.Relayed())
}

// FlushFront sends what ReplyData gave, and minds a client that does not take it.
func (s *Stream) FlushFront() {
	if s.over {
		return
	}
	s.front.Flush()
	if !s.tunnel && s.front.Blocked() {
		s.await()
	}
}

// ClientWritable says that a blocked client takes more again.
func (s *Stream) ClientWritable() {
	if s.over || s.back == nil {
		return
	}
	if s.tunnel {
		s.tunnelDeadline()
	} else {
		s.await()
	}
	s.back.Resume()
}

func (s *Stream) cfgServerTimeout() time.Duration {
	if s.cfg == nil {
		return 0
	}
	d := s.timeout(rule.TimerServer, s.cfg.Timeouts.Server)
	if s.felled && !s.begun {
		d = graceOf(d, time.Duration(s.car.Loop.Now()-s.awaited))
	}
	return d
}

// clientTimeout is how long the client may be silent.
func (s *Stream) clientTimeout() time.Duration {
	return s.timeout(rule.TimerClient, s.rules.Cfg.Timeouts.Client)
}

// ServerWritable says that a blocked server takes more again.
func (s *Stream) ServerWritable() {
	switch {
	case s.over:
	case s.tunnel:
		s.tunnelDeadline()
		s.front.Pump()
	default:
		s.upload()
	}
}
