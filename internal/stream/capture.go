package stream

import (
	"bytes"

	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// capture keeps the fields of the request that `capture request header`
// names, in slots that `http-request capture` may fill later. The slots of the
// reply are there from now on: a log line has them without a reply too.
func (s *Stream) capture(cfg *config.Proxy, req *wire.Request) {
	for i := range cfg.Captures {
		if ck := &cfg.Captures[i]; ck.Response {
			s.resCaps = keepField(s.resCaps, nil, ck)
		} else {
			s.reqCaps = keepField(s.reqCaps, &req.Head, ck)
		}
	}
	if cfg.CaptureCookie.Name != "" {
		s.reqCookie = keepCookie(s.reqCookie, &req.Head, wire.FieldCookie, &cfg.CaptureCookie)
	}
}

// keepCookie keeps the first cookie whose name begins as ck says, with its
// value: of Set-Cookie what stands in front of the attributes.
func keepCookie(dst []byte, h *wire.Head, id wire.FieldID, ck *config.CookieCapture) []byte {
	for i := h.FindID(id, 0); i >= 0; i = h.FindID(id, i+1) {
		for v := h.Value(&h.Fields[i]); len(v) > 0; {
			pair, rest, _ := bytes.Cut(v, []byte(";"))
			pair = bytes.Trim(pair, " \t")
			if len(pair) >= len(ck.Name) && string(pair[:len(ck.Name)]) == ck.Name && bytes.IndexByte(pair, '=') > 0 {
				return append(dst[:0], pair[:min(len(pair), ck.Len)]...)
			}
			if v = rest; id == wire.FieldSetCookie {
				break
			}
		}
	}
	return dst[:0]
}

func (s *Stream) captureReply(rep *wire.Reply) {
	if ck := &s.rules.Cfg.CaptureCookie; ck.Name != "" {
		s.resCookie = keepCookie(s.resCookie, &rep.Head, wire.FieldSetCookie, ck)
	}
	s.resCaps = s.resCaps[:0]
	for i := range s.rules.Cfg.Captures {
		if ck := &s.rules.Cfg.Captures[i]; ck.Response {
			s.resCaps = keepField(s.resCaps, &rep.Head, ck)
		}
	}
}

// oneMore appends a slot with the memory that it had before.
func oneMore(slots [][]byte) [][]byte {
	if n := len(slots); n < cap(slots) {
		return slots[:n+1]
	}
	return append(slots, nil)
}

// keepField appends the last value of a field, cut to the slot's length, in
// memory that the slot had before; nothing if there is no head.
func keepField(slots [][]byte, h *wire.Head, ck *config.Capture) [][]byte {
	n := len(slots)
	slots = oneMore(slots)
	v := slots[n][:0]
	if h == nil {
		slots[n] = v
		return slots
	}
	for i := h.Find([]byte(ck.Name), 0); ck.Name != "" && i >= 0; i = h.Find([]byte(ck.Name), i+1) {
		v = append(v[:0], h.Value(&h.Fields[i])...)
	}
	slots[n] = v[:min(len(v), ck.Len)]
	return slots
}

// answerCtx is what the values of an answer made here see: the request as it was
// sent on, since what the client sent is gone by then.
func (s *Stream) answerCtx() *rule.Ctx {
	c, x := s.car, s.logCtx()
	if len(s.head) > 0 && c.req.Parse(s.head, nil) == wire.Done {
		x.Req = &c.req
	}
	return x
}
