package stream

import (
	"fmt"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

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
