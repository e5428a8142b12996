package wire

import "bytes"

// CookieValue finds the first cookie of this name, which is case-sensitive,
// over all Cookie fields (RFC 6265 §4.2). field is the index of its field, pair
// the place of name=value in the bytes that Head.Value gives for that field.
func CookieValue(head *Head, name []byte) (value []byte, field int, pair Span, ok bool) {
	for i := head.FindID(FieldCookie, 0); i >= 0; i = head.FindID(FieldCookie, i+1) {
		b := head.Value(&head.Fields[i])
		for at := 0; at < len(b); {
			off, end, next := cookiePair(b, at)
			if v, found := cookieNamed(b[off:end], name); found {
				return v, i, Span{uint32(off), uint32(end)}, true
			}
			at = next
		}
	}
	return nil, -1, Span{}, false
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
// other pairs stay byte for byte, and a field without any is deleted.
func (r *Request) RemoveCookie(name []byte) {
	for i := r.FindID(FieldCookie, 0); i >= 0; i = r.FindID(FieldCookie, i+1) {
		r.removeCookie(i, name)
	}
}

func (r *Request) removeCookie(i int, name []byte) {
	f := &r.Fields[i]
	value := r.Value(f)
	keep := len(r.added)
	found := false
	for at := 0; at < len(value); {
		off, end, next := cookiePair(value, at)
		if _, is := cookieNamed(value[off:end], name); is {
			found = true
		} else if off < end {
			if len(r.added) > keep {
				r.added = append(r.added, "; "...)
			}
			r.added = append(r.added, value[off:end]...)
		}
		at = next
	}
	switch {
	case !found:
		r.added = r.added[:keep]
	case len(r.added) == keep:
		f.Deleted = true
	default:
		r.replaceValue(i, keep)
	}
}
