package wire

import "bytes"

// CookieValue finds the first cookie of this name, which is case-sensitive,
// over all Cookie fields (RFC 6265 §4.2). field is the index of its field, pair
// the place of name=value in the bytes that Head.Value gives for that field.
func CookieValue(head *Head, name []byte) (value []byte, field int, pair Span, ok bool) {
	var at CookiePlace
	if value, ok = NextCookie(head, name, &at); !ok {
		return nil, -1, Span{}, false
	}
	return value, at.field, at.pair, true
}

// A CookiePlace is how far NextCookie has come. The zero value is the beginning.
type CookiePlace struct {
	field, at int
	pair      Span
	begun     bool
}

// NextCookie finds the next cookie of this name behind at, which it moves on.
func NextCookie(head *Head, name []byte, at *CookiePlace) (value []byte, ok bool) {
	if !at.begun {
		at.begun, at.field = true, head.FindID(FieldCookie, 0)
	}
	for ; at.field >= 0; at.field, at.at = head.FindID(FieldCookie, at.field+1), 0 {
		b := head.Value(&head.Fields[at.field])
		for at.at < len(b) {
			off, end, next := cookiePair(b, at.at)
			at.at = next
			if v, found := cookieNamed(b[off:end], name); found {
				at.pair = Span{uint32(off), uint32(end)}
				return v, true
			}
		}
	}
	return nil, false
}

// cookiePair gives the pair that begins at or behind at: b[off:end] without
// white space around it, and where the next may begin.
func cookiePair(b []byte, at int) (off, end, next int) {
	off, end = at, len(b)
	next = len(b)
	if i := bytes.IndexByte(b[at:], ';'); i >= 0 {
		end, next = at+i, at+i+1
	}
	for off < end && (b[off] == ' ' || b[off] == '\t') {
		off++
	}
	for end > off && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	return off, end, next
}

// cookieNamed gives the value of a pair if it has this name. White space around
// the '=' is not part of either.
func cookieNamed(pair, name []byte) ([]byte, bool) {
	if len(pair) <= len(name) || !bytes.HasPrefix(pair, name) {
		return nil, false
	}
	rest := pair[len(name):]
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != '=' {
		return nil, false
	}
	return trim(rest[1:]), true
}

// RemoveCookie takes every cookie of this name out of the Cookie fields; the
// others stay byte for byte, joined by "; " where one was taken out between
// them, and a field without any is deleted.
func (r *Request) RemoveCookie(name []byte) {
	for i := r.FindID(FieldCookie, 0); i >= 0; i = r.FindID(FieldCookie, i+1) {
		r.removeCookie(i, name)
	}
}

func (r *Request) removeCookie(i int, name []byte) {
	f := &r.Fields[i]
	value := r.Value(f)
	keep, from := len(r.added), 0 // what is kept of value begins at from, -1: not yet
	found := false
	for at := 0; at < len(value); {
		off, end, next := cookiePair(value, at)
		if _, is := cookieNamed(value[off:end], name); is {
			if from >= 0 && off > from {
				r.added = append(r.added, beforePair(value[from:off])...)
			}
			found, from = true, -1
		} else if from < 0 {
			if from = off; len(r.added) > keep {
				r.added = append(r.added, "; "...)
			}
		}
		at = next
	}
	switch {
	case !found:
		return
	case from >= 0:
		r.added = append(r.added, value[from:]...)
	}
	if len(r.added) == keep {
		f.Deleted = true
		return
	}
	r.replaceValue(i, keep)
}

// beforePair is b without the semicolon and the white space at its end.
func beforePair(b []byte) []byte {
	b = bytes.TrimRight(b, " \t")
	b = bytes.TrimSuffix(b, []byte{';'})
	return bytes.TrimRight(b, " \t")
}

// CutCookies takes the part of every cookie of this name up to and with the
// first delimiter out of its value; one without it stays as it is (HAProxy:
// cookie … prefix).
func (r *Request) CutCookies(name []byte, delimiter byte) {
	for i := r.FindID(FieldCookie, 0); i >= 0; i = r.FindID(FieldCookie, i+1) {
		f := &r.Fields[i]
		value := r.Value(f)
		keep, from := len(r.added), 0
		for at := 0; at < len(value); {
			off, end, next := cookiePair(value, at)
			if v, is := cookieNamed(value[off:end], name); is {
				if cut := bytes.IndexByte(v, delimiter); cut >= 0 {
					r.added = append(r.added, value[from:end-len(v)]...)
					from = end - len(v) + cut + 1
				}
			}
			at = next
		}
		if from > 0 {
			r.added = append(r.added, value[from:]...)
			r.replaceValue(i, keep)
		}
	}
}

// SetCookiePair finds the name and the value of a Set-Cookie field's value: the
// places in b of what its first pair has on either side of the '='.
func SetCookiePair(b []byte) (name, value Span, ok bool) {
	off, end, _ := cookiePair(b, 0)
	eq := bytes.IndexByte(b[off:end], '=')
	if eq < 0 {
		return Span{}, Span{}, false
	}
	left := bytes.TrimRight(b[off:off+eq], " \t")
	right := bytes.TrimLeft(b[off+eq+1:end], " \t")
	return Span{uint32(off), uint32(off + len(left))}, Span{uint32(end - len(right)), uint32(end)}, true
}

// SplicePair puts text into field i's value in place of the bytes at place,
// which may be empty. text must not lie in the head's own memory.
func (h *Head) SplicePair(i int, place Span, text ...string) {
	value := h.Value(&h.Fields[i])
	off := len(h.added)
	h.added = append(h.added, value[:place.Off]...)
	for _, t := range text {
		h.added = append(h.added, t...)
	}
	h.added = append(h.added, value[place.End:]...)
	h.replaceValue(i, off)
}
