package stream

import (
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// capture keeps the fields of the request that `capture request header`
// names, in slots that `http-request capture` may fill later.
func (s *Stream) capture(cfg *config.Proxy, req *wire.Request) {
	for i := range cfg.Captures {
		if ck := &cfg.Captures[i]; !ck.Response {
			s.reqCaps = keepField(s.reqCaps, &req.Head, ck)
		}
	}
}

func (s *Stream) captureReply(rep *wire.Reply) {
	for i := range s.rules.Cfg.Captures {
		if ck := &s.rules.Cfg.Captures[i]; ck.Response {
			s.resCaps = keepField(s.resCaps, &rep.Head, ck)
		}
	}
}

// keepField appends the last value of a field, cut to the slot's length, in
// memory that the slot had before.
func keepField(slots [][]byte, h *wire.Head, ck *config.Capture) [][]byte {
	n := len(slots)
	if n < cap(slots) {
		slots = slots[:n+1]
	} else {
		slots = append(slots, nil)
	}
	v := slots[n][:0]
	for i := h.Find([]byte(ck.Name), 0); ck.Name != "" && i >= 0; i = h.Find([]byte(ck.Name), i+1) {
		v = append(v[:0], h.Value(&h.Fields[i])...)
	}
	slots[n] = v[:min(len(v), ck.Len)]
	return slots
}

// logCtx is what the expressions of a log-format see: the request as it was
// sent on, since what the client sent is gone by then.
func (s *Stream) logCtx() *rule.Ctx {
	c := s.car
	x := c.fill(s)
	if len(s.head) > 0 && c.req.Parse(s.head, nil) == wire.Done {
		x.Req = &c.req
	}
	if s.be != nil {
		x.Backend = s.cfg.Name
	}
	if s.srv != nil {
		x.Server = s.srv.Name
	}
	return x
}
