package wire

import "bytes"

// Target is the current request target.
func (r *Request) Target() []byte {
	if len(r.target) > 0 {
		return r.target
	}
	return r.TargetSpan.of(r.Buf)
}

// SetTarget replaces the request target. Bytes that may not stand there are
// written as %XX, so that a computed target cannot split the head; an empty one
// becomes "/".
func (r *Request) SetTarget(target []byte) {
	const hex = "0123456789ABCDEF"
	t := r.target[:0]
	for len(target) > 0 {
		n := scanTarget(target, 0, false)
		t = append(t, target[:n]...)
		if n < len(target) {
			t = append(t, '%', hex[target[n]>>4], hex[target[n]&15])
			n++
		}
		target = target[n:]
	}
	if len(t) == 0 {
		t = append(t, '/')
	}
	r.target = t
}

// Path is the target's path without the query; of an absolute form what follows
// its authority, of the asterisk and authority forms nothing.
func (r *Request) Path() []byte {
	_, path := splitTarget(r.Target())
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		return path[:i:i]
	}
	return path
}

// Query is what follows the first '?' of the target, or nil.
func (r *Request) Query() []byte {
	_, path := splitTarget(r.Target())
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		return path[i+1:]
	}
	return nil
}

// Host is the current Host field, or else the authority of an absolute target,
// or nil.
func (r *Request) Host() []byte {
	if i := r.FindID(FieldHost, 0); i >= 0 {
		return r.Value(&r.Fields[i])
	}
	return r.authority()
}

func (r *Request) authority() []byte {
	if r.Method == MethodConnect {
		return r.Target()
	}
	authority, _ := splitTarget(r.Target())
	return authority
}

// splitTarget splits the origin and absolute forms (RFC 9112 §3.2) into the
// authority, nil for the origin form, and the path with its query.
func splitTarget(target []byte) (authority, path []byte) {
	if len(target) > 0 && target[0] == '/' {
		return nil, target
	}
	if !hasScheme(target) {
		return nil, nil
	}
	rest := target[bytes.IndexByte(target, ':')+len("://"):]
	for j, c := range rest {
		if c == '/' || c == '?' {
			return rest[:j:j], rest[j:]
		}
	}
	return rest, nil
}

// checkTarget refuses targets outside the four forms, and a Host that is
// missing, doubled, malformed or another than the target's authority.
func (r *Request) checkTarget(lim *Limits) Result {
	target := r.TargetSpan.of(r.Buf)
	off := int(r.TargetSpan.Off)
	if r.Method == MethodConnect && (r.Body == BodyLength && r.Length != 0 || r.Body == BodyChunked) {
		return r.bad(off, "CONNECT with a body")
	}
	var authority []byte
	switch {
	case lim.relaxed():
	case r.Method == MethodConnect:
		if !isHostPort(target) {
			return r.bad(off, "CONNECT to something other than host:port")
		}
		authority = target
	case target[0] == '/':
	case len(target) == 1 && target[0] == '*':
		if r.Method != MethodOptions {
			return r.bad(off, "asterisk target without OPTIONS")
		}
	default:
		if !hasScheme(target) {
			return r.bad(off, "target is neither a path nor an absolute URI")
		}
		if authority, _ = splitTarget(target); len(authority) == 0 || !isHost(authority) {
			return r.bad(off, "malformed authority in the target")
		}
	}
	return r.checkHost(target, authority)
}

func (r *Request) checkHost(target, authority []byte) Result {
	if r.seen&(1<<FieldHost) == 0 {
		if r.Minor == 0 {
			return Done
		}
		return r.bad(len(r.Buf)-len("\r\n"), "Host missing")
	}
	if r.twice&(1<<FieldHost) != 0 {
		return r.badField(FieldHost, "Host twice")
	}
	value := r.Value(r.first(FieldHost))
	if !isHost(value) {
		return r.badField(FieldHost, "malformed Host")
	}
	if authority != nil && !equalFold(authority, value) && !r.sameHost(target, authority, value) {
		return r.badField(FieldHost, "Host differs from the target")
	}
	return Done
}

// hasScheme is true if target begins with a URI scheme and "://" (RFC 3986 §3.1).
func hasScheme(target []byte) bool {
	for i, c := range target {
		switch c := lower(c); {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return bytes.HasPrefix(target[i:], []byte("://"))
		default:
			return false
		}
	}
	return false
}

// isHost is true for a name or a bracketed address, with or without a port
// (RFC 3986 §3.2), and for nothing at all.
func isHost(b []byte) bool {
	i := 0
	if len(b) > 0 && b[0] == '[' {
		for i = 1; i < len(b) && (b[i] == ':' || class[b[i]]&classHost != 0); i++ {
		}
		if i++; i > len(b) || b[i-1] != ']' {
			return false
		}
	} else {
		for i < len(b) && class[b[i]]&classHost != 0 {
			i++
		}
	}
	if i < len(b) && b[i] != ':' {
		return false
	}
	for i++; i < len(b); i++ {
		if b[i] < '0' || b[i] > '9' {
			return false
		}
	}
	return true
}

func isHostPort(b []byte) bool {
	host, port := cutPort(b)
	return len(host) > 0 && len(port) > 0 && isHost(b)
}

// cutPort splits at the colon before a trailing decimal port; without one, port
// is nil and host is b. A colon inside brackets is part of the host.
func cutPort(b []byte) (host, port []byte) {
	i := len(b)
	for i > 0 && '0' <= b[i-1] && b[i-1] <= '9' {
		i--
	}
	if i == 0 || b[i-1] != ':' {
		return b, nil
	}
	return b[: i-1 : i-1], b[i:]
}

// sameHost is true if authority and Host differ only by case or by writing the
// scheme's own port, as HAProxy compares them; CONNECT, which has no scheme, may
// leave out either.
func (r *Request) sameHost(target, authority, value []byte) bool {
	a, aPort := cutPort(authority)
	v, vPort := cutPort(value)
	http := r.Method == MethodConnect || len(target) > 5 && equalToken(target[:5], "http:")
	https := r.Method == MethodConnect || len(target) > 6 && equalToken(target[:6], "https:")
	usual := func(port []byte) bool {
		return len(port) == 0 || http && string(port) == "80" || https && string(port) == "443"
	}
	return equalFold(a, v) && (bytes.Equal(aPort, vPort) || usual(aPort) && usual(vPort))
}
