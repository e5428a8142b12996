package stream

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/wire"
)

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
	if !s.front.Blocked() {
		s.front.SetDeadline(0)
	}
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
	s.back.SetDeadline(s.cfgServerTimeout())
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
		s.enterTunnel(isWebSocket(rep))
	default:
		s.run(o)
	}
}

func (s *Stream) enterTunnel(frames bool) {
	s.tunnel, s.bodyDone = true, true
	s.front.Tunnel(frames)
	s.back.Tunnel(frames)
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
