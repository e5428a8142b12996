package rule

import (
	"bytes"
	"fmt"
	"slices"
)

func checkSetVar(args []arg) error {
	for _, a := range args[1:] {
		if !slices.Contains(varConditions, a.text) {
			return fmt.Errorf("unknown condition \"%s\"", a.text)
		}
	}
	return nil
}

func convSetVar(x *Ctx, args []arg, s *Sample) bool {
	for i := range args[1:] {
		if !holds(args[1+i].text, args[0].text, x, s) {
			return true
		}
	}
	v := x.vars()
	v.set(args[0].text, s)
	if now := v.find(args[0].text); now != nil && s.Kind >= KindStr {
		s.Bytes = now.bytes // they may have been a part of what was overwritten
	}
	return true
}

func convUnsetVar(x *Ctx, args []arg, _ *Sample) bool {
	x.Vars.unset(args[0].text)
	return true
}

// vars are the variables, made when the first is set.
func (x *Ctx) vars() *Vars {
	if x.Vars == nil {
		x.Vars = new(Vars)
	}
	return x.Vars
}

// convAddItem appends args[0] if there is something on both its sides, then a
// variable and a text.
func convAddItem(x *Ctx, args []arg, s *Sample) bool {
	b := s.bytes(x)
	at := len(x.Scratch)
	x.Scratch = append(x.Scratch, b...)
	x.Scratch = append(x.Scratch, args[0].text...)
	joint := len(x.Scratch)
	if args[1].text != "" {
		if v := x.Vars.find(args[1].text); v != nil {
			x.Scratch = v.appendTo(x.Scratch)
		}
	}
	if len(args) > 2 {
		x.Scratch = append(x.Scratch, args[2].text...)
	}
	switch {
	case len(x.Scratch) == joint:
		x.Scratch = x.Scratch[:at+len(b)]
	case len(b) == 0:
		at = joint
	}
	return s.setBytes(x.Scratch[at:])
}

func checkAddItem(args []arg) error {
	if args[1].text == "" && (len(args) < 3 || args[2].text == "") {
		return fmt.Errorf("one of the optional arguments has to be nonempty")
	}
	return nil
}

// captureIn makes capture-req and capture-res, which fill a slot.
func captureIn(reply bool) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		slots := x.Captures
		if reply {
			slots = x.ResCaps
		}
		if i := args[0].num; i >= 0 && i < int64(len(slots)) {
			b := s.bytes(x)
			if n := x.slotLen(reply, int(i)); n > 0 && len(b) > n {
				b = b[:n]
			}
			slots[i] = append(slots[i][:0], b...)
			if s.Kind >= KindStr && len(b) == len(s.Bytes) {
				s.Bytes = slots[i] // they may have been a part of the slot
			}
		}
		return true
	}
}

// slotLen is the length that the slot was declared with, 0: not known.
func (x *Ctx) slotLen(reply bool, i int) int {
	list := x.CaptureLens
	if reply {
		list = x.ResCapLens
	}
	if i < len(list) {
		return list[i]
	}
	return 0
}

// convParam takes the parameter named args[0] of a query, cut at args[1].
func convParam(x *Ctx, args []arg, s *Sample) bool {
	b, delim, name := s.bytes(x), byte('&'), args[0].bytes
	if len(args) > 1 && args[1].text != "" {
		delim = args[1].text[0]
	}
	for {
		pair, rest, more := bytes.Cut(b, []byte{delim})
		if key, value, ok := bytes.Cut(pair, []byte("=")); bytes.Equal(key, name) {
			if !ok {
				return s.setBytes(pair[len(pair):])
			}
			return s.setBytes(value)
		}
		if !more {
			return false
		}
		b = rest
	}
}

// convLanguage picks one of args[0] (a;b;c) by the q-values of an
// Accept-Language field (RFC 9110 §12.5.4); args[1] if none is wanted.
func convLanguage(x *Ctx, args []arg, s *Sample) bool {
	b, best, chosen := s.bytes(x), int64(-1), []byte(nil)
	for len(b) > 0 {
		item, rest, _ := bytes.Cut(b, []byte(","))
		b = rest
		tag, params, _ := bytes.Cut(item, []byte(";"))
		tag = bytes.Trim(tag, " \t")
		q := quality(params)
		if len(tag) == 0 || q <= 0 || q <= best {
			continue
		}
		if found := pickLanguage(args[0].bytes, tag); found != nil {
			best, chosen = q, found
		}
	}
	if chosen != nil {
		return s.setBytes(chosen)
	}
	return len(args) > 1 && s.setBytes(args[1].bytes)
}

// pickLanguage is the name of the list that the tag asks for: itself, else its
// language without the variant.
func pickLanguage(list, tag []byte) []byte {
	base, _, variant := bytes.Cut(tag, []byte("-"))
	var byBase []byte
	for len(list) > 0 {
		name, rest, _ := bytes.Cut(list, []byte(";"))
		list = rest
		if bytes.Equal(name, tag) {
			return name
		}
		if variant && byBase == nil && bytes.Equal(name, base) {
			byBase = name
		}
	}
	return byBase
}

// quality is the q of the parameters in thousandths, 1000 without one.
func quality(params []byte) int64 {
	for len(params) > 0 {
		p, rest, _ := bytes.Cut(params, []byte(";"))
		params = rest
		key, v, ok := bytes.Cut(bytes.Trim(p, " \t"), []byte("="))
		if !ok || len(key) != 1 || key[0]|0x20 != 'q' {
			continue
		}
		n, digits := leadingInt(v)*1000, int64(100)
		if i := bytes.IndexByte(v, '.'); i >= 0 {
			for _, c := range v[i+1:] {
				if c < '0' || c > '9' || digits == 0 {
					break
				}
				n += int64(c-'0') * digits
				digits /= 10
			}
		}
		return n
	}
	return 1000
}
