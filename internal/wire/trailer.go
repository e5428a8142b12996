package wire

// maxTrailers bounds the trailer section: real ones carry a checksum or a
// status, and they must fit behind the payload in one buffer.
const maxTrailers = 4096

// trailer takes a byte of the trailer section (RFC 9112 §7.1.2). Lines are kept
// whole, and dropped again at their end if they may not come so late.
func (c *Chunks) trailer(b byte) {
	switch c.state {
	case atTrailer:
		if b == '\r' {
			c.state = atEndLF
			return
		}
		c.line, c.state = len(c.trailers), inTrailer
		fallthrough
	case inTrailer:
		c.section++
		switch {
		case b == '\r':
			c.state = atTrailerLF
		case b < 0x20 && b != '\t' || b == 0x7f:
			c.broken(whyControl(b))
		case c.section > maxTrailers:
			c.broken("trailers too long")
		default:
			c.trailers = append(c.trailers, b)
		}
	case atTrailerLF:
		c.expect(b, '\n', atTrailer, "bare CR")
		if c.state == atTrailer {
			c.endTrailer()
		}
	case atEndLF:
		c.expect(b, '\n', chunksEnded, "bare CR")
	}
}

func (c *Chunks) endTrailer() {
	line := c.trailers[c.line:]
	colon := 0
	for colon < len(line) && class[line[colon]]&classToken != 0 {
		colon++
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		c.broken("malformed trailer field")
		return
	}
	if forbiddenTrailer(line[:colon]) {
		c.trailers = c.trailers[:c.line]
		return
	}
	c.trailers = append(c.trailers, '\r', '\n')
}

// forbiddenTrailer is true for fields that decide framing, routing, trust, the
// reading of the content or its caching: whoever read the head has acted
// without them (RFC 9110 §6.5.1).
func forbiddenTrailer(name []byte) bool {
	switch identify(name) {
	case FieldOther, FieldIdempotencyKey, FieldExpires, FieldSecWebSocketKey:
	default:
		return true
	}
	for _, f := range forbiddenTrailers {
		if len(name) >= len(f) && equalToken(name[:len(f)], f) {
			if len(name) == len(f) || f[len(f)-1] == '-' {
				return true
			}
		}
	}
	return false
}

// forbiddenTrailers are lower-case names, or beginnings of names if they end in
// '-', besides those with an ID.
var forbiddenTrailers = [...]string{
	"x-forwarded-", "forwarded", "x-real-ip", "via",
	"proxy-", "www-authenticate", "authentication-info",
	"content-", "if-", "range", "max-forwards", "age", "date", "location", "retry-after", "vary",
	"sec-",
}
