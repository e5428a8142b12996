package rule

import (
	"bytes"

	"bascule/internal/wire"
)

// cookieFetch makes req.cook and res.cook: the last cookie named args[0], or
// the first of all; an ACL steps through all of them.
func cookieFetch(reply bool, as evalFunc) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		h := cookieHead(x, reply)
		if h == nil {
			return false
		}
		v, ok := nextCookie(h, reply, args, s)
		s.more = ok && s.all
		if ok && !s.all && len(args) > 0 && args[0].text != "" {
			for later, found := nextCookie(h, reply, args, s); found; later, found = nextCookie(h, reply, args, s) {
				v = later
			}
		}
		return ok && s.setBytes(v) && as(x, nil, s)
	}
}

func cookieCount(reply bool) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		h := cookieHead(x, reply)
		if h == nil {
			return false
		}
		var at Sample
		n := int64(0)
		for {
			if _, ok := nextCookie(h, reply, args, &at); !ok {
				return s.setInt(n)
			}
			n++
		}
	}
}

func cookieHead(x *Ctx, reply bool) *wire.Head {
	if reply {
		return replyFields(x)
	}
	return requestFields(x)
}

// nextCookie keeps its place in s: the field, and the offset of the next pair.
func nextCookie(h *wire.Head, reply bool, args []arg, s *Sample) ([]byte, bool) {
	id := wire.FieldCookie
	if reply {
		id = wire.FieldSetCookie
	}
	var name []byte
	if len(args) > 0 {
		name = args[0].bytes
	}
	if !s.begun {
		s.begun, s.off = true, 0
		s.field = h.FindID(id, 0)
	}
	for s.field >= 0 {
		v := h.Value(&h.Fields[s.field])
		for s.off < len(v) {
			pair := v[s.off:]
			end := pairEnd(pair)
			s.off += end + 1
			if reply {
				s.off = len(v) // the rest are attributes
			}
			if i := bytes.IndexByte(pair[:end], '='); i >= 0 {
				got := bytes.Trim(pair[:i], " \t")
				if len(name) == 0 || bytes.Equal(got, name) {
					return bytes.Trim(pair[i+1:end], " \t"), true
				}
			}
		}
		s.field, s.off = h.FindID(id, s.field+1), 0
	}
	return nil, false
}

// pairEnd is where a cookie pair ends: at a semicolon or comma outside quotes.
func pairEnd(b []byte) int {
	quoted := false
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ';' || c == ','):
			return i
		}
	}
	return len(b)
}
