package rule

import (
	"bytes"

	"bascule/internal/wire"
)

// evalFunc is what a fetch or converter does.
type evalFunc = func(x *Ctx, args []arg, s *Sample) bool

func requestFields(x *Ctx) *wire.Head {
	if r := x.requestHead(); r != nil {
		return &r.Head
	}
	return nil
}

func replyFields(x *Ctx) *wire.Head {
	if x.Res == nil {
		return nil
	}
	return &x.Res.Head
}

// eitherFields is the head of the side the rule stands on.
func eitherFields(x *Ctx) *wire.Head {
	if x.Res != nil {
		return &x.Res.Head
	}
	return requestFields(x)
}

// headFetch makes hdr, fhdr and their kin: args are a name and an occurrence,
// 1 for the first, -1 for the last.
func headFetch(side func(*Ctx) *wire.Head, split bool, as evalFunc) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		h := side(x)
		if h == nil {
			return false
		}
		occ := int64(0)
		if len(args) > 1 {
			occ = args[1].num
		}
		if occ == 0 && s.all {
			v, ok := nextValue(h, args, split, s)
			s.more = ok
			return ok && s.setBytes(v) && as(x, nil, s)
		}
		return nthValue(h, args, split, occ, s) && as(x, nil, s)
	}
}

// nthValue takes one occurrence: the last for 0.
func nthValue(h *wire.Head, args []arg, split bool, occ int64, s *Sample) bool {
	if occ < 0 {
		occ += countValues(h, args, split) + 1
		if occ <= 0 {
			return false
		}
	}
	s.begun, s.field, s.off = false, 0, 0
	last, found := []byte(nil), int64(0)
	for {
		v, ok := nextValue(h, args, split, s)
		if !ok {
			break
		}
		last, found = v, found+1
		if found == occ {
			break
		}
	}
	return found > 0 && (occ == 0 || found == occ) && s.setBytes(last)
}

func countValues(h *wire.Head, args []arg, split bool) int64 {
	var s Sample
	n := int64(0)
	for {
		if _, ok := nextValue(h, args, split, &s); !ok {
			return n
		}
		n++
	}
}

// nextValue steps through the values of the field named by args[0], or of all
// fields. With split, commas outside quotes separate values (RFC 9110 §5.6.1).
func nextValue(h *wire.Head, args []arg, split bool, s *Sample) ([]byte, bool) {
	if !s.begun {
		s.begun, s.off = true, -1
		s.field = findField(h, args, 0)
	} else if s.off < 0 {
		s.field = findField(h, args, s.field+1)
	}
	if s.field < 0 {
		return nil, false
	}
	v := h.Value(&h.Fields[s.field])
	if !split {
		return v, true
	}
	start := max(s.off, 0)
	end := start + listEnd(v[start:])
	s.off = end + 1
	if end == len(v) {
		s.off = -1
	}
	return bytes.Trim(v[start:end], " \t"), true
}

func findField(h *wire.Head, args []arg, from int) int {
	if len(args) > 0 && args[0].text != "" {
		return h.Find(args[0].bytes, from)
	}
	for i := from; i < len(h.Fields); i++ {
		if !h.Fields[i].Deleted {
			return i
		}
	}
	return -1
}

// listEnd is where the first element of a comma-separated list ends.
func listEnd(b []byte) int {
	if bytes.IndexByte(b, '"') < 0 {
		if i := bytes.IndexByte(b, ','); i >= 0 {
			return i
		}
		return len(b)
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\' && quoted:
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ',' && !quoted:
			return i
		}
	}
	return len(b)
}

func asText(*Ctx, []arg, *Sample) bool { return true }

func asNumber(_ *Ctx, _ []arg, s *Sample) bool { return s.setInt(leadingInt(s.Bytes)) }

// asAddr reads an address; an IPv4 one may have a port (RFC 7239 §6).
func asAddr(_ *Ctx, _ []arg, s *Sample) bool {
	b := s.Bytes
	if i := bytes.IndexByte(b, ':'); i > 0 && bytes.IndexByte(b[i+1:], ':') < 0 {
		if !isPort(b[i+1:]) {
			return s.skip()
		}
		b = b[:i]
	}
	a, ok := parseAddr(b)
	if !ok {
		return s.skip()
	}
	return s.setAddr(a)
}

// skip is a value that cannot be cast: an ACL goes on with the next occurrence.
func (s *Sample) skip() bool { s.Kind = KindNone; return false }

func isPort(b []byte) bool {
	if len(b) == 0 || len(b) > 5 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return leadingInt(b) <= 65535
}

func countFetch(side func(*Ctx) *wire.Head, split bool) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		h := side(x)
		return h != nil && s.setInt(countValues(h, args, split))
	}
}

// namesFetch lists the names of the fields, separated by args[0]'s first byte.
func namesFetch(side func(*Ctx) *wire.Head) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		h := side(x)
		if h == nil {
			return false
		}
		separator := byte(',')
		if len(args) > 0 && args[0].text != "" {
			separator = args[0].text[0]
		}
		at := len(x.Scratch)
		for i := range h.Fields {
			if f := &h.Fields[i]; !f.Deleted {
				if len(x.Scratch) > at {
					x.Scratch = append(x.Scratch, separator)
				}
				x.Scratch = appendLower(x.Scratch, h.Name(f))
			}
		}
		return s.setBytes(x.Scratch[at:])
	}
}
