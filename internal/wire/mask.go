package wire

import "bytes"

// secretWords are parts of the names of fields whose values are nobody's business:
// Cookie and Set-Cookie, Authorization and its kin, tokens and keys of applications.
var secretWords = [...]string{"cookie", "auth", "token", "secret", "key", "pass", "session", "signature"}

// Mask overwrites what a head, or what should have been one, may hold of secrets:
// the values of fields with a secretWord in their name, the query and the user of
// the target, and all behind the head. A byte becomes one '*', so that offsets
// stay true; controls and white space stay, and the byte at keep, which is what
// was found wrong.
func Mask(head []byte, keep int) {
	if keep >= 0 && keep < len(head) {
		defer func(c byte) { head[keep] = c }(head[keep])
	}
	first, secret, folded := true, false, false
	for rest := head; len(rest) > 0; {
		line, size := rawLine(rest)
		ended := size > len(line) && rest[size-1] == '\n'
		rest = rest[size:]
		switch {
		case len(line) == 0:
			if !first && ended && !folded {
				hide(rest)
				return
			}
		case first:
			first = false
			maskTarget(line)
		case (folded || line[0] == ' ' || line[0] == '\t') && secret:
			hide(line)
		default:
			secret = maskField(line)
		}
		folded = !ended
	}
}

// rawLine is the line at the start of p, and its size with what ends it. A CR
// alone ends a line too: what stands behind it may be meant as another one.
func rawLine(p []byte) (line []byte, size int) {
	i := bytes.IndexAny(p, "\r\n")
	switch {
	case i < 0:
		return p, len(p)
	case p[i] == '\r' && i+1 < len(p) && p[i+1] == '\n':
		return p[:i], i + 2
	}
	return p[:i], i + 1
}

// maskField hides the value of a field whose name says that it is secret.
func maskField(line []byte) (secret bool) {
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		if i = bytes.IndexAny(line, " \t"); i < 0 {
			i = len(line)
		}
	}
	name := bytes.ToLower(line[:i])
	for _, w := range secretWords {
		if bytes.Contains(name, []byte(w)) {
			hide(line[min(i+1, len(line)):])
			return true
		}
	}
	return false
}

// maskTarget hides the query, and the user in front of a host, in a request line.
func maskTarget(line []byte) {
	if end := bytes.LastIndex(line, []byte(" HTTP/")); end >= 0 {
		line = line[:end]
	}
	if q := bytes.IndexByte(line, '?'); q >= 0 {
		hide(line[q+1:])
		line = line[:q]
	}
	if at := bytes.LastIndexByte(line, '@'); at >= 0 {
		if scheme := bytes.Index(line[:at], []byte("://")); scheme >= 0 {
			hide(line[scheme+len("://") : at])
		}
	}
}

func hide(p []byte) {
	for i, c := range p {
		if c > ' ' && c != 0x7f {
			p[i] = '*'
		}
	}
}
