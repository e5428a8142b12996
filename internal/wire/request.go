package wire

// A Method is a request method that rules and the balancing compare often.
type Method uint8

// The methods with an ID; MethodOther keeps its bytes only.
const (
	MethodOther Method = iota
	MethodGet
	MethodHead
	MethodPost
	MethodPut
	MethodDelete
	MethodOptions
	MethodPatch
	MethodConnect
	MethodTrace
)

// A Request is the head of an HTTP/1 request (RFC 9112 §3).
type Request struct {
	Head
	Method     Method
	MethodSpan Span
	TargetSpan Span // the request target as it came: origin, absolute, authority or asterisk form
	// Expect100 is set if the client waits for a 100 (RFC 9110 §10.1.1).
	Expect100 bool

	method, target []byte // set by rules, used if not empty
}

// Parse reads the head that starts at buf[0]. Empty lines before it are skipped
// (RFC 9112 §2.2) and count in Size. After Bad, Fault says why; the answer is
// 400. Until Done only Fault may be asked.
func (r *Request) Parse(buf []byte, lim *Limits) Result {
	r.reset()
	r.method, r.target, r.Expect100 = r.method[:0], r.target[:0], false
	most := lim.head()
	whole := buf
	if len(buf) > most {
		buf = buf[:most]
	}
	res := r.parse(buf, lim)
	if res == More && len(whole) >= most {
		return r.bad(most, "head too large")
	}
	return res
}

func (r *Request) parse(buf []byte, lim *Limits) Result {
	i := 0
	for ; i+1 < len(buf) && buf[i] == '\r' && buf[i+1] == '\n'; i += 2 {
	}
	i, res := r.parseLine(buf, i, lim)
	if res != Done {
		return res
	}
	if _, res = r.parseFields(buf, i, lim, false); res != Done {
		return res
	}
	if res = r.parseFraming(); res != Done {
		return res
	}
	if res = r.checkTarget(lim); res != Done {
		return res
	}
	if r.seen&(1<<FieldExpect) != 0 {
		r.parseExpect()
	}
	if res = r.parseConnection(); res != Done || !r.Upgrade {
		return res
	}
	return r.checkSocketKey(lim)
}

// socketKey is how long the sixteen bytes of a WebSocket's key are in base64
// (RFC 6455 §4.1).
const socketKey = 24

// checkSocketKey refuses to switch to WebSocket for a client that shows no key,
// as HAProxy does: no browser does so, and a page's script can.
func (r *Request) checkSocketKey(lim *Limits) Result {
	if lim.relaxed() || !r.upgradesTo("websocket") {
		return Done
	}
	for i := r.FindID(FieldSecWebSocketKey, 0); i >= 0; i = r.FindID(FieldSecWebSocketKey, i+1) {
		if r.Fields[i].Value.Len() == socketKey {
			return Done
		}
	}
	return r.badField(FieldUpgrade, "WebSocket without a key")
}

// parseLine reads the request line (RFC 9112 §3): method, target and version
// with one space between.
func (r *Request) parseLine(buf []byte, i int, lim *Limits) (int, Result) {
	start := i
	for i < len(buf) && class[buf[i]]&classToken != 0 {
		i++
	}
	if i >= len(buf) || i == start && buf[i] == '\r' && i+1 >= len(buf) {
		return i, More
	}
	if buf[i] != ' ' || i == start {
		return i, r.bad(i, "character not allowed in a method")
	}
	r.MethodSpan = Span{uint32(start), uint32(i)}
	r.Method = identifyMethod(buf[start:i])
	i++
	start = i
	i = scanTarget(buf, i, lim.relaxed())
	if i >= len(buf) {
		return i, More
	}
	r.TargetSpan = Span{uint32(start), uint32(i)}
	if buf[i] == '\r' && i > start && lim.relaxed() && r.Method == MethodGet {
		return r.looseVersion(buf, i)
	}
	if buf[i] != ' ' || i == start {
		return i, r.bad(i, "character not allowed in a target")
	}
	i++
	from, res := r.parseVersion(buf, i)
	if res == Bad && lim.relaxed() {
		return r.looseVersion(buf, i)
	}
	return from, res
}

// parseVersion reads "HTTP/1.0" or "HTTP/1.1" and the end of the line.
func (h *Head) parseVersion(buf []byte, i int) (int, Result) {
	const line = "HTTP/1.?\r\n"
	if len(buf)-i >= len(line) && string(buf[i:i+len(line)]) == "HTTP/1.1\r\n" {
		h.Minor = 1
		return i + len(line), Done
	}
	for j := range len(line) {
		if i+j >= len(buf) {
			return i, More
		}
		c := buf[i+j]
		if line[j] == '?' && (c == '0' || c == '1') || line[j] != '?' && c == line[j] {
			continue
		}
		if j < len("HTTP/1.1") {
			return i, h.bad(i+j, "version other than HTTP/1.0 and HTTP/1.1")
		}
		return i, h.bad(i+j, "request line not ended by CRLF")
	}
	h.Minor = buf[i+len("HTTP/1.")] - '0'
	return i + len(line), Done
}

// parseExpect takes "100-continue" of HTTP/1.1. Of HTTP/1.0 it must be ignored,
// so it is not handed on either: the server would see HTTP/1.1 and answer it.
func (r *Request) parseExpect() {
	for i := r.FindID(FieldExpect, 0); i >= 0; i = r.FindID(FieldExpect, i+1) {
		f := &r.Fields[i]
		if r.Minor == 0 {
			f.hop = true
		} else if equalToken(r.Value(f), "100-continue") {
			r.Expect100 = true
		}
	}
}

func identifyMethod(m []byte) Method {
	switch string(m) {
	case "GET":
		return MethodGet
	case "HEAD":
		return MethodHead
	case "POST":
		return MethodPost
	case "PUT":
		return MethodPut
	case "DELETE":
		return MethodDelete
	case "OPTIONS":
		return MethodOptions
	case "PATCH":
		return MethodPatch
	case "CONNECT":
		return MethodConnect
	case "TRACE":
		return MethodTrace
	}
	return MethodOther
}

// MethodBytes is the current method.
func (r *Request) MethodBytes() []byte {
	if len(r.method) > 0 {
		return r.method
	}
	return r.MethodSpan.of(r.Buf)
}

// SetMethod replaces the method. What is not a token changes nothing.
func (r *Request) SetMethod(m []byte) {
	if !isToken(m) {
		return
	}
	r.method = append(r.method[:0], m...)
	r.Method = identifyMethod(m)
}
