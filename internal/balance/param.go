package balance

import "bytes"

// Param is the value of a parameter in the query of a target (balance
// url_param): what stands between "name=" and the next ampersand. A value at
// the very end that is empty does not count.
func Param(target []byte, name string) (value []byte, ok bool) {
	_, query, found := bytes.Cut(target, []byte("?"))
	if !found {
		return nil, false
	}
	return param(query, name)
}

// FormParam is the value of a parameter in the body of a POST (balance
// url_param … check_post). A value that begins with a byte no token has is
// binary data, not a form.
func FormParam(body []byte, name string) (value []byte, ok bool) {
	value, ok = param(body, name)
	if !ok || len(value) == 0 {
		return value, ok
	}
	switch c := value[0]; {
	case c == ' ', c == '\t', c == '\r', c == '\n':
		return value[:0], true
	case !isToken(c):
		return nil, false
	}
	return value, true
}

func param(list []byte, name string) (value []byte, ok bool) {
	for len(list) > len(name) {
		if list[len(name)] == '=' && string(list[:len(name)]) == name {
			value, _, _ = bytes.Cut(list[len(name)+1:], []byte("&"))
			return value, true
		}
		_, rest, more := bytes.Cut(list, []byte("&"))
		if !more {
			return nil, false
		}
		list = rest
	}
	return nil, false
}

// isToken says whether c may stand in a token (RFC 9110 section 5.6.2).
func isToken(c byte) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return true
	}
	return c != 0 && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}

// Domain is the part of a host's name before its last dot and behind the one
// before (balance hdr(name) use_domain_only): "example" of www.example.com. A
// name without a dot is its own.
func Domain(host []byte) []byte {
	switch end := bytes.LastIndexByte(host, '.'); {
	case end < 0:
		return host
	case end == 0:
		return host[1:]
	default:
		// A dot right before the last one belongs to the domain, as in HAProxy.
		return host[bytes.LastIndexByte(host[:end-1], '.')+1 : end]
	}
}

// FirstValue is the first element of a field's value that is a list, quotes
// minded and white space around it left out (balance hdr).
func FirstValue(value []byte) []byte {
	quoted, escaped := false, false
	for i, c := range value {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return bytes.Trim(value[:i], " \t")
		}
	}
	return bytes.Trim(value, " \t")
}
