package wire

// A Reply is the head of an HTTP/1 response (RFC 9112 §4).
type Reply struct {
	Head
	Status     int
	ReasonSpan Span

	reason    []byte // set by SetStatus
	hasReason bool
}

// Parse reads the head that starts at buf[0], the answer to a request with this
// method. HEAD, 1xx, 204 and 304 have BodyNone; a 101, and any 2xx to CONNECT,
// BodyTunnel; a body without a length is BodyClose. After Bad, Fault says why;
// the answer is 502. Until Done only Fault may be asked.
func (p *Reply) Parse(buf []byte, lim *Limits, method Method) Result {
	p.reset()
	p.reason, p.hasReason = p.reason[:0], false
	most := lim.head()
	whole := buf
	if len(buf) > most {
		buf = buf[:most]
	}
	res := p.parse(buf, lim, method)
	if res == More && len(whole) >= most {
		return p.bad(most, "head too large")
	}
	return res
}

func (p *Reply) parse(buf []byte, lim *Limits, method Method) Result {
	i, res := p.parseLine(buf, lim)
	if res != Done {
		return res
	}
	if _, res = p.parseFields(buf, i, lim, true); res != Done {
		return res
	}
	if lim.relaxed() {
		p.joinCodings()
	}
	if res = p.parseFraming(); res != Done {
		return res
	}
	if res = p.parseConnection(); res != Done {
		return res
	}
	return p.settleBody(method)
}

// parseLine reads the status line: version, three digits and a reason, which
// may be missing together with the space before it.
func (p *Reply) parseLine(buf []byte, lim *Limits) (int, Result) {
	i, res := p.parseVersion(buf)
	if res == Bad && lim.relaxed() {
		i, res = p.looseVersion(buf)
	}
	if res != Done {
		return i, res
	}
	p.Status = 0
	for end := i + 3; i < end; i++ {
		if i >= len(buf) {
			return i, More
		}
		d := int(buf[i]) - '0'
		if d < 0 || d > 9 || d == 0 && i == end-3 {
			return i, p.bad(i, "malformed status line")
		}
		p.Status = p.Status*10 + d
	}
	if i < len(buf) && buf[i] == ' ' {
		i++
	} else if i < len(buf) && buf[i] != '\r' {
		return i, p.bad(i, "malformed status line")
	}
	start := i
	i = scanValue(buf, i)
	if i < len(buf) && buf[i] != '\r' || i+1 < len(buf) && buf[i+1] != '\n' {
		return i, p.bad(i, whyControl(buf[i]))
	}
	if i+1 >= len(buf) {
		return i, More
	}
	p.ReasonSpan = Span{uint32(start), uint32(i)}
	return i + 2, Done
}

// parseVersion reads "HTTP/1.0 " or "HTTP/1.1 ".
func (p *Reply) parseVersion(buf []byte) (int, Result) {
	const line = "HTTP/1.? "
	for j := range len(line) {
		if j >= len(buf) {
			return j, More
		}
		if c := buf[j]; line[j] != '?' && c != line[j] || line[j] == '?' && c != '0' && c != '1' {
			return j, p.bad(j, "malformed status line")
		}
	}
	p.Minor = buf[len("HTTP/1.")] - '0'
	return len(line), Done
}

// settleBody applies RFC 9112 §6.3 after the lengths were read.
func (p *Reply) settleBody(method Method) Result {
	promised := p.Body == BodyChunked || p.Body == BodyLength && p.Length > 0
	switch {
	case p.Status < 200 && promised:
		return p.bad(0, "1xx with a body")
	case p.Status == 101 || method == MethodConnect && p.Status/100 == 2:
		p.Body = BodyTunnel
	case p.Status < 200:
		p.Body = BodyNone
	case p.Status == 204:
		// The status decides, but a server that announced a body may send it:
		// nothing else may be read from that connection.
		p.Body, p.Close = BodyNone, p.Close || promised
	case p.Status == 304 || method == MethodHead:
		p.Body = BodyNone
	case p.Body == BodyNone:
		p.Body, p.Close = BodyClose, true
	}
	return Done
}

// Reason is the current reason phrase.
func (p *Reply) Reason() []byte {
	if p.hasReason {
		return p.reason
	}
	return p.ReasonSpan.of(p.Buf)
}

// SetStatus replaces the status and the reason phrase. The framing stays that
// of the parsed head.
func (p *Reply) SetStatus(status int, reason string) {
	p.Status, p.hasReason = status, true
	p.reason = append(p.reason[:0], reason...)
	blank(p.reason)
}
