package stream

import (
	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// content runs tcp-request content of p; ended says that its order is the last
// word, or that more data is needed.
func (l *Life) content(p *config.Proxy, x *rule.Ctx, out *rule.Outcome) (o Order, ended bool) {
	if len(p.TCP.Request) == 0 {
		return Order{}, false
	}
	more := x.Partial
	x.Partial = more && p.TCP.RequestDelay > 0 && !l.late
	rule.RunContent(p.TCP.Request, x, out)
	x.Partial = more
	switch out.Verdict {
	case rule.Wait:
		l.phase = 'R'
		return Order{Kind: Inspect, Delay: p.TCP.RequestDelay}, true
	case rule.Reject:
		l.denied, l.term = true, [2]byte{'P', 'R'}
		return Order{Kind: Drop}, true
	}
	return Order{}, false
}

// Inspect decides where a connection of mode tcp goes, at first and whenever
// more has come from its client. x.Partial says that still more may come.
func (l *Life) Inspect(x *rule.Ctx, out *rule.Outcome) Order {
	if l.step == frontRules {
		if o, ended := l.content(l.rules.Cfg, x, out); ended {
			return o
		}
		l.phase = 'C'
		if l.be = l.rules.choose(x); l.be == nil {
			return l.fail(503, 'S', 'C')
		}
		l.cfg = l.be.Config()
		l.step, l.late = backRules, false
	}
	if l.step == backRules && l.cfg.Name != l.rules.Cfg.Name {
		x.Backend = l.cfg.Name
		if o, ended := l.content(l.cfg, x, out); ended {
			return o
		}
	}
	l.step, l.phase = placing, 'C'
	if l.retries = l.cfg.Retries; l.cfg.Replay.Never() {
		l.retries = 0
	}
	l.most = l.retries
	x.Req = nil // only rules look into what may be HTTP
	return l.place(x)
}

// inspection is how far content rules of mode tcp are.
type inspection struct {
	up, upLate     bool // waiting for the client's data; its time is over
	down, downWait bool // the server's first data is to be looked at; it is waited for
	downLate       bool
}

// inspect waits for data of the client.
func (s *Stream) inspect(o Order) {
	if !s.look.up {
		s.look.up = true
		s.car.Loop.SetTimer(s.timer, o.Delay)
		s.front.SetDeadline(s.rules.Cfg.Timeouts.Client)
		s.front.Pump()
	}
}

// Inspecting says that content rules wait for the client's data: Inspected
// must be told of it.
func (s *Stream) Inspecting() bool { return s.look.up }

// Inspected gives content rules all that has come from the client so far;
// ended says that nothing more will. The front keeps p.
func (s *Stream) Inspected(p []byte, ended bool) {
	c := s.car
	x := c.fill(s)
	x.Payload = p
	x.Partial = !ended && len(p) < s.fe.Env.BufSize()
	step := s.Life.step
	s.Life.late = s.look.upLate
	if len(p) > 0 && c.req.Parse(p, nil) == wire.Done {
		x.Req = &c.req
	}
	o := s.Life.Inspect(x, &c.Out)
	if o.Kind == Inspect {
		if s.Life.step != step { // the backend waits for its own time
			s.look.upLate = false
			c.Loop.SetTimer(s.timer, o.Delay)
		}
		return
	}
	s.look.up = false
	c.Loop.StopTimer(s.timer)
	s.front.SetDeadline(s.clientTimeout())
	s.enterBackend()
	s.run(o)
}

// enterBackend counts a connection of mode tcp at its backend.
func (s *Stream) enterBackend() {
	if s.be != nil && !s.counted {
		s.counted = true
		s.be.Cur.Enter()
		s.be.Counters.Add(s.car.Loop.Index(), backend.Sessions, 1)
	}
}

// inspectDown runs tcp-response content over what has come from the server.
// ok says that bytes may pass.
func (s *Stream) inspectDown(c *loop.Conn) (ok bool) {
	p, err := c.Fill()
	c.Keep(p)
	x := s.car.fill(s)
	x.Backend, x.Server, x.Payload = s.cfg.Name, s.srv.Name, p
	x.Partial = err == nil && !s.look.downLate && len(p) < s.fe.Env.BufSize() && s.cfg.TCP.ResponseDelay > 0
	out := &s.car.Out
	rule.RunContent(s.cfg.TCP.Response, x, out)
	switch out.Verdict {
	case rule.Wait:
		if !s.look.downWait {
			s.look.downWait = true
			s.car.Loop.SetTimer(s.timer, s.cfg.TCP.ResponseDelay)
		}
		return false
	case rule.Reject, rule.Close:
		s.Life.deniedReply()
		s.term = [2]byte{'P', 'D'}
		s.run(Order{Kind: Cut})
		return false
	}
	if len(p) == 0 && err == nil {
		return false // nothing has come that could be looked at
	}
	s.look.down = false
	s.car.Loop.StopTimer(s.timer)
	s.settle()
	return true
}

// inspectReply runs tcp-response content over the head of an HTTP reply.
func (l *Life) inspectReply(x *rule.Ctx, out *rule.Outcome) (o Order, ended bool) {
	rule.RunContent(l.cfg.TCP.Response, x, out)
	if out.Verdict != rule.Reject && out.Verdict != rule.Close {
		return Order{}, false
	}
	l.deniedReply()
	return l.fail(502, 'P', 'H'), true
}

// inspectionOver says that the timer was that of an inspection, which is over now.
func (s *Stream) inspectionOver() bool {
	switch {
	case s.look.up:
		s.look.upLate = true
		s.front.Pump()
	case s.look.down && s.tunnel:
		s.look.downLate = true
		s.back.Resume()
	default:
		return false
	}
	return true
}
