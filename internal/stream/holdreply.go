package stream

import (
	"math"
	"time"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A heldReply is what is kept of a reply while its rules wait for its body
// (http-response wait-for-body): the head with the edits so far and the body's
// first bytes, tune.bufsize and one read of the socket at most.
type heldReply struct {
	rep     wire.Reply
	body    []byte
	atLeast int64 // bytes that are waited for; 0: all
	whole   bool
	waiting bool
}

// spareReplies is how many kept replies a loop keeps for reuse, see spareHeld.
const spareReplies = 16

// holdingReply says that the reply is being kept.
func (s *Stream) holdingReply() bool { return s.request != nil && s.kept != nil && s.kept.waiting }

// holdReply keeps the body of the reply in x until there is enough of it.
func (s *Stream) holdReply(x *rule.Ctx, o Order) {
	c := s.car
	h := s.kept
	if h == nil {
		if n := len(c.keptReplies); n > 0 {
			h, c.keptReplies = c.keptReplies[n-1], c.keptReplies[:n-1]
		} else {
			h = new(heldReply)
		}
		h.body, h.whole = h.body[:0], false
		x.Res.CopyTo(&h.rep)
		s.kept = h
	}
	h.atLeast, h.waiting = s.atLeast, true
	c.Loop.SetTimer(s.timer, max(o.Delay, time.Millisecond))
	s.replyEnough(nil)
}

// keepReply takes a piece of the body.
func (s *Stream) keepReply(p []byte) {
	s.kept.body = append(s.kept.body, p...)
	s.heard()
	s.replyEnough(nil)
}

// replyEnough goes on with the rules when what they wait for is there.
func (s *Stream) replyEnough(trailers []byte) {
	h := s.kept
	n := len(h.body)
	if h.whole || n >= s.fe.Env.BufSize() || h.atLeast > 0 && int64(n) >= h.atLeast {
		s.resumeReply(trailers)
	}
}

// resumeReply goes on with the rules, and with the reply.
func (s *Stream) resumeReply(trailers []byte) {
	c, h := s.car, s.kept
	h.waiting = false
	c.Loop.StopTimer(s.timer)
	x := c.fillReply(s, &h.rep)
	o := s.Life.ResumeReply(x, &c.Out)
	if o.Kind != Relay {
		s.obeyReply(x, o)
		return
	}
	s.settleBody()
	s.frame(&h.rep)
	s.front.WriteHead(&h.rep)
	s.logSoon()
	if len(h.body) > 0 && !s.mute {
		s.front.WriteData(h.body)
	}
	whole := h.whole
	s.dropReply()
	if whole {
		s.ReplyEnd(trailers)
		return
	}
	s.FlushFront()
}

// fillReply is fill for the rules of a reply.
func (c *Carrier) fillReply(s *Stream, rep *wire.Reply) *rule.Ctx {
	x := c.fill(s)
	x.Res = rep
	x.Backend, x.BackendID, x.Server = s.cfg.Name, s.cfg.ID, s.srv.Name
	x.Body, x.BodyWhole, x.BodySize = nil, false, 0
	if h := s.kept; h != nil {
		x.Body, x.BodyWhole = h.body[:min(len(h.body), s.fe.Env.BufSize())], h.whole
		x.BodySize = int64(len(h.body))
	}
	if rep.Body == wire.BodyLength {
		x.BodySize = rep.Length
	}
	return x
}

// loseReply forgets a reply whose server was lost while the rules waited: nothing
// of it has been passed on.
func (s *Stream) loseReply() {
	if s.kept != nil {
		s.t.reply, s.status = 0, 0
		s.dropReply()
	}
}

// dropReply forgets a reply that is being kept, or was.
func (s *Stream) dropReply() {
	h, c := s.kept, s.car
	if h == nil {
		return
	}
	if h.waiting {
		c.Loop.StopTimer(s.timer)
	}
	s.kept, h.waiting = nil, false
	if len(c.keptReplies) < spareReplies && cap(h.body) <= math.MaxUint16+s.fe.Env.BufSize() {
		c.keptReplies = append(c.keptReplies, h)
	}
}
