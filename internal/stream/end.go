package stream

import (
	"fmt"

	"bascule/internal/backend"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// ServerLost says that the server's connection failed after the request was
// sent; the back has closed itself.
func (s *Stream) ServerLost(why Why) {
	b := s.back
	s.sawEnd(why, b)
	s.back = nil
	if s.begun {
		s.run(s.Life.Broke(why))
		return
	}
	s.takeBack()
	s.run(s.Life.Lost(s.evidence(why, b)))
}

// ServerTimeout says that the back's deadline passed.
func (s *Stream) ServerTimeout() {
	if s.tunnel {
		s.term = [2]byte{'s', 'D'}
		if client, server := s.tunnelTimeouts(); client > 0 && client <= server {
			s.term[0] = 'c' // both are silent: the client's is noticed first, as with HAProxy
		}
		s.run(Order{Kind: Cut})
		return
	}
	b := s.back
	s.back = nil
	b.Abort()
	switch {
	case !s.sent:
		s.saw(backend.SawNoConnect)
		s.run(s.Life.Failed(Timeout))
	case s.begun:
		s.run(s.Life.Broke(Timeout))
	default:
		s.saw(backend.SawTimeout)
		s.takeBack()
		s.run(s.Life.Lost(s.evidence(Timeout, b)))
	}
}

// ClientGone says that the client left.
func (s *Stream) ClientGone() {
	if !s.over {
		s.leaving()
		s.loseReply()
		s.run(s.Life.Gone(false))
	}
}

// leaving notes where the client's end met the stream: once the request is on
// its way data are exchanged, whether the reply has begun or not, and what
// remained of a wait in the queue was waiting too.
func (s *Stream) leaving() {
	switch {
	case s.sent, s.tunnel:
		s.phase = 'D'
	case s.ticket != nil:
		s.t.slot = s.car.Loop.Now()
	}
}

// ClientEnded says that the client has ended its side. It may still wait for
// its reply, so that this ends the stream only with option abortonclose, and
// only before the reply begins.
func (s *Stream) ClientEnded() {
	switch {
	case s.over || s.begun || s.tunnel || s.served || s.cfg == nil || !s.cfg.AbortOnClose:
	case !s.sent:
		s.ClientGone()
	case s.bodyDone: // else more of the body may lie in the socket
		s.run(s.Life.Left())
	}
}

// ClientTimeout says that the front's deadline passed.
func (s *Stream) ClientTimeout() {
	if s.tunnel {
		s.term = [2]byte{'c', 'D'}
		s.run(Order{Kind: Cut})
		return
	}
	if s.holding() {
		s.countIn(backend.ReqErrors)
	}
	s.leaving()
	s.run(s.Life.Gone(true))
}

// Kill ends the stream because its server was marked down or an operator
// said so; code is the first letter of the termination code.
func (s *Stream) Kill(code byte) {
	if s.over {
		return
	}
	if code != 'K' && !s.begun && s.request != nil && s.srv != nil {
		s.fell(code) // not an operator's word about the stream: another server may serve the request
		return
	}
	s.dropBack()
	if s.begun {
		o := s.Life.Broke(MarkedDown)
		s.term[0] = code
		if s.tcp { // as HAProxy has it
			s.term[1] = '-'
		}
		s.run(o)
		return
	}
	s.run(s.Life.fail(503, code, s.phase))
}

// fell is what becomes of a stream whose server was marked down while its reply
// had not begun; code is the first letter of its termination code.
func (s *Stream) fell(code byte) {
	var o Order
	if s.sent {
		next, ok := s.Life.Felled(!s.carried.lost)
		if !ok {
			s.await()
			return
		}
		s.dropBack()
		s.takeBack()
		o = next
	} else {
		s.dropBack()
		s.car.Loop.StopTimer(s.timer)
		o = s.downed(nil)
	}
	if o.Kind == Reply {
		s.term[0] = code
	}
	s.run(o)
}

// downed is what becomes of a stream that its server does not serve to the end,
// while its reply had not begun; b is what was its connection.
func (s *Stream) downed(b Back) Order {
	if !s.sent {
		return s.Life.Failed(MarkedDown)
	}
	s.takeBack()
	return s.Life.Lost(s.evidence(MarkedDown, b))
}

func (s *Stream) dropBack() {
	if b := s.back; b != nil {
		s.back = nil
		b.Abort()
	}
}

// answer sends an answer made here; http-after-response sees it first.
func (s *Stream) answer(a *rule.Answer) {
	if a.Make != nil { // http-error with values
		x := s.answerCtx()
		a = a.Make.Build(x, &s.car.Out)
	}
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
	if s.cfg != nil {
		x.Backend, x.BackendID = s.cfg.Name, s.cfg.ID
	}
	if s.srv != nil {
		x.Server = s.srv.Name
	}
	s.Life.after(x, &c.Out)
	s.status = int16(c.rep.Status)
	s.frame(&c.rep)
	s.front.WriteHead(&c.rep)
	if s.method != wire.MethodHead && !s.mute && len(a.Body) > 0 {
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
	s.recall()
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
	if s.tunnel {
		s.countTunnel(-1)
	}
	s.Life.leave()
	if s.counted {
		s.be.Cur.Leave()
	}
	s.account()
	s.info.Vars = s.vars.KeepSession(s.info.Vars)
	s.late = nil
	s.dropHeld()
	s.dropReply()
	s.dropBody()
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
	c.spare(s)
	f.Done(whole)
}
