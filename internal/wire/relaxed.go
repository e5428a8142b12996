package wire

// What `option accept-unsafe-violations-in-http-request` and -response let pass
// (Limits.Relaxed), as HAProxy does, but for what would let two readers find two
// ends of a message: a CR alone, and names that read as those of framing fields.

// looseName goes on in a name that is not a token, up to its colon.
func (h *Head) looseName(buf []byte, line, i int) (end, colon int, res Result) {
	for ; i < len(buf); i++ {
		switch c := buf[i]; {
		case c == ':':
			if readsAsFraming(buf[line:i]) {
				return i, i, h.bad(line, "field name like that of a framing field")
			}
			return i, i, goOn
		case c == '\r' && i+1 >= len(buf):
			return i, i, More
		case c == '\r' && buf[i+1] == '\n':
			return i, i, h.bad(i, "field without a colon")
		case c == '\r' || c == '\n':
			return i, i, h.bad(i, whyControl(c))
		}
	}
	return i, i, More
}

// endsName is true if there is white space only before the colon, or before what
// has not come.
func endsName(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' {
			return c == ':'
		}
	}
	return true
}

// readsAsFraming is true if a name is that of a field which frames or routes
// once the characters that do not belong into names are left out: some servers
// would do that.
func readsAsFraming(name []byte) bool {
	var plain [len("transfer-encoding")]byte
	n := 0
	for _, c := range name {
		if class[c]&classToken == 0 {
			continue
		}
		if n == len(plain) {
			return false
		}
		plain[n] = c
		n++
	}
	const those = hopFields | 1<<FieldHost
	return those&(1<<identify(plain[:n])) != 0
}

// looseVersion reads what stands in place of a version, and the end of the line.
// As HAProxy does it takes all digits above 1.1 for HTTP/1.1 and all that is no
// such version for HTTP/1.0; only a GET may have none at all (HTTP/0.9).
func (r *Request) looseVersion(buf []byte, i int) (int, Result) {
	start := i
	for i < len(buf) && (buf[i] == '/' || buf[i] == '.' || '0' <= buf[i] && buf[i] <= '9' || 'A' <= buf[i] && buf[i] <= 'Z') {
		i++
	}
	if i < len(buf) && (buf[i] != '\r' || i == start && r.Method != MethodGet) {
		return i, r.bad(i, "character not allowed in a version")
	}
	if i+1 >= len(buf) {
		return i, More
	}
	if buf[i] != '\r' || buf[i+1] != '\n' {
		return i, r.bad(i, "request line not ended by CRLF")
	}
	v := buf[start:i]
	r.Minor = 0
	if len(v) == len("HTTP/1.1") && (v[5] > '1' || v[5] == '1' && v[7] >= '1') {
		r.Minor = 1
	}
	return i + 2, Done
}

// looseVersion reads a version of several digits and the space behind it, and
// gives the place of the status.
func (p *Reply) looseVersion(buf []byte) (int, Result) {
	const name = "HTTP/"
	digits, dots := 0, 0
	for i, c := range buf {
		switch {
		case i < len(name) && c == name[i]:
		case i < len(name):
			return i, p.bad(i, "malformed status line")
		case '0' <= c && c <= '9':
			digits++
		case c == '.' && dots == 0:
			dots++
		case c == ' ' && digits > 1 && dots == 1:
			if v := buf[len(name):i]; len(v) == len("1.1") && (v[0] > '1' || v[0] == '1' && v[2] >= '1') {
				p.Minor = 1
			}
			return i + 1, Done
		default:
			return i, p.bad(i, "malformed status line")
		}
	}
	return len(buf), More
}

// joinCodings leaves out the Transfer-Encoding fields of a reply that are empty,
// or say "chunked" once more.
func (p *Reply) joinCodings() {
	const bit = 1 << FieldTransferEncoding
	kept, n := -1, 0
	for i := p.FindID(FieldTransferEncoding, 0); i >= 0; i = p.FindID(FieldTransferEncoding, i+1) {
		value := p.Value(&p.Fields[i])
		if len(value) == 0 || kept >= 0 && equalToken(value, "chunked") && equalToken(p.Value(&p.Fields[kept]), "chunked") {
			p.Delete(i)
			continue
		}
		kept = i
		n++
	}
	if n == 0 {
		p.seen &^= bit
	}
	if n < 2 {
		p.twice &^= bit
	}
}
