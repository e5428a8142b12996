package wire

import "strconv"

// Conn says which Connection field a written head gets.
type Conn uint8

// The Connection fields: none, close, keep-alive, upgrade. ConnUpgrade also lets
// the Upgrade fields of the head through.
const (
	ConnNone Conn = iota
	ConnClose
	ConnKeepAlive
	ConnUpgrade
)

// AppendTo writes the head anew, as HTTP/1.1: the fields that are not meant for
// one connection only, then the framing of the body as the caller will send it
// (length counts for BodyLength only), then Connection. A request without Host
// (HTTP/1.0) gets the target's authority or an empty one (RFC 9112 §3.2). It
// does not allocate when dst has room.
func (r *Request) AppendTo(dst []byte, body Body, length int64, conn Conn) []byte {
	if len(r.method) == 0 && len(r.target) == 0 {
		dst = append(dst, r.Buf[r.MethodSpan.Off:r.TargetSpan.End]...)
	} else {
		dst = append(dst, r.MethodBytes()...)
		dst = append(dst, ' ')
		dst = append(dst, r.Target()...)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = r.appendFields(dst, conn == ConnUpgrade)
	if r.FindID(FieldHost, 0) < 0 {
		dst = append(dst, "host: "...)
		if a := r.authority(); isHost(a) {
			dst = append(dst, a...)
		}
		dst = append(dst, "\r\n"...)
	}
	return appendEnd(dst, body, length, conn)
}

// AppendTo writes the head anew, as HTTP/1.1 whatever the client's HTTP/1.minor
// (RFC 9110 §2.5): the fields that are not meant for one connection only, then
// the framing of the body as the caller will send it (length counts for
// BodyLength only), then Connection. To minor 0, which knows no chunks,
// BodyChunked is written as BodyClose. With BodyNone the server's own
// Content-Length stays where it describes a body that is not sent (HEAD, 304).
// ConnUpgrade counts for a 101 only: the answer to CONNECT switches nothing.
// It does not allocate when dst has room.
func (p *Reply) AppendTo(dst []byte, minor uint8, body Body, length int64, conn Conn) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, p.Reason()...)
	dst = append(dst, "\r\n"...)
	if conn == ConnUpgrade && p.Status != 101 {
		conn = ConnNone
	}
	dst = p.appendFields(dst, conn == ConnUpgrade)
	switch {
	case body == BodyChunked && minor == 0:
		body = BodyClose
	case body == BodyNone && p.Body == BodyNone && p.HasLength && p.Status >= 200 && p.Status != 204:
		body, length = BodyLength, p.Length
	}
	return appendEnd(dst, body, length, conn)
}

// appendFields copies each run of untouched fields at once.
func (h *Head) appendFields(dst []byte, tunnel bool) []byte {
	run := -1
	for i := range h.Fields {
		f := &h.Fields[i]
		skip := f.Deleted || f.hop && !(tunnel && f.ID == FieldUpgrade)
		if i < h.parsed && !skip && !f.Added {
			if run < 0 {
				run = int(f.line)
			}
			continue
		}
		if run >= 0 {
			dst = append(dst, h.Buf[run:h.lineStart(i)]...)
			run = -1
		}
		if f.Added && !skip {
			dst = append(dst, f.Name.of(h.added)...)
			dst = append(dst, ": "...)
			dst = append(dst, f.Value.of(h.added)...)
			dst = append(dst, "\r\n"...)
		}
	}
	if run >= 0 {
		dst = append(dst, h.Buf[run:h.lineStart(h.parsed)]...)
	}
	return dst
}

// lineStart is where line i begins in Buf; the one behind the last is the empty
// line.
func (h *Head) lineStart(i int) int {
	if i < h.parsed {
		return int(h.Fields[i].line)
	}
	return len(h.Buf) - len("\r\n")
}

func appendEnd(dst []byte, body Body, length int64, conn Conn) []byte {
	switch body {
	case BodyLength:
		dst = append(dst, "content-length: "...)
		dst = strconv.AppendInt(dst, length, 10)
		dst = append(dst, "\r\n"...)
	case BodyChunked:
		dst = append(dst, "transfer-encoding: chunked\r\n"...)
	}
	switch conn {
	case ConnClose:
		dst = append(dst, "connection: close\r\n"...)
	case ConnKeepAlive:
		dst = append(dst, "connection: keep-alive\r\n"...)
	case ConnUpgrade:
		dst = append(dst, "connection: upgrade\r\n"...)
	}
	return append(dst, "\r\n"...)
}
