package stream

import (
	"math"
	"time"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A held is a request that waits for its body: the head with the edits of the
// rules so far.
type held struct {
	req     wire.Request
	atLeast int64 // bytes that are waited for; 0: all
	waiting bool
	untimed bool // no time is set for the whole of it: only the client's silence ends it
}

// spareHeld is how many of them a loop keeps for reuse: more at once mean a rush
// in which an allocation more does not count.
const spareHeld = 16

// holding says that the body is being kept.
func (s *Stream) holding() bool { return s.request != nil && s.held != nil && s.held.waiting }

// Room is how many bytes of the body FromBody takes now.
func (s *Stream) Room() int {
	if !s.holding() {
		return math.MaxInt
	}
	return max(0, s.fe.Env.BufSize()-s.carried.size)
}

// hold keeps the request's body until there is enough of it.
func (s *Stream) hold(o Order) {
	c := s.car
	if s.held == nil {
		if n := len(c.helds); n > 0 {
			s.held, c.helds = c.helds[n-1], c.helds[:n-1]
		} else {
			s.held = new(held)
		}
	}
	h := s.held
	if x := &c.Ctx; x.Req != &h.req {
		x.Req.CopyTo(&h.req)
	}
	h.atLeast, h.waiting = s.atLeast, true
	s.t.head = 0 // not complete yet, as far as the log is concerned
	if s.bodyDone || s.enough() {
		s.resume()
		return
	}
	if h.req.Expect100 { // HAProxy answers it itself, since the server is not asked yet
		h.req.Expect100, s.expects = false, false
		h.req.DeleteID(wire.FieldExpect)
		s.continued = true
		s.interim(continueHead)
	}
	if h.untimed = o.Delay == 0; h.untimed {
		o.Delay = s.clientTimeout()
	}
	s.front.SetDeadline(o.Delay)
	s.front.Pump()
	if s.held == h && h.waiting && !s.over {
		s.heldEnough()
	}
}

var continueHead = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// interim sends a 1xx reply to a client that knows them.
func (s *Stream) interim(head []byte) {
	c := s.car
	if s.minor >= 1 && c.rep.Parse(head, nil, s.method) == wire.Done {
		s.front.WriteHead(&c.rep)
		s.front.Flush()
	}
}

func (s *Stream) enough() bool {
	h := s.held
	return s.Room() == 0 || h.atLeast > 0 && int64(s.carried.size) >= h.atLeast
}

func (s *Stream) heldEnough() {
	if s.holding() && s.enough() {
		s.resume()
	}
}

// resume goes on with the rules.
func (s *Stream) resume() {
	c := s.car
	s.held.waiting = false
	s.front.SetDeadline(0)
	x := c.fill(s)
	x.Req = &s.held.req
	s.proceed(x, s.Life.Resume(x, &c.Out))
}

// dropHeld gives the head back to the loop.
func (s *Stream) dropHeld() {
	h, c := s.held, s.car
	if h == nil {
		return
	}
	s.held = nil
	if h.waiting = false; len(c.helds) < spareHeld {
		c.helds = append(c.helds, h)
	}
}

// tarpitted keeps an answer back. The loop's memory that it lies in is needed
// by others meanwhile.
func (s *Stream) tarpitted(o Order) {
	a := *o.Answer
	a.Fields, a.Body = append([]byte(nil), a.Fields...), append([]byte(nil), a.Body...)
	s.late = &rule.Answer{Status: a.Status, Reason: a.Reason, Fields: a.Fields, Body: a.Body}
	s.t.head, s.t.pit = 0, s.car.Loop.Now()
	s.car.Loop.SetTimer(s.timer, max(o.Delay, time.Millisecond))
}

// hints sends what early-hint said as an interim reply (RFC 8297).
func (s *Stream) hints() {
	c := s.car
	c.answer = append(append(append(c.answer[:0], "HTTP/1.1 103 Early Hints\r\n"...), s.request.marks.Hints...), "\r\n"...)
	s.request.marks.Hints = s.request.marks.Hints[:0]
	s.interim(c.answer)
}
