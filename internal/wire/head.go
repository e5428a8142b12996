// Package wire turns bytes into HTTP/1 heads, chunks and WebSocket frame heads
// and back. It does no I/O and allocates nothing in the steady state: a head is
// offsets into the caller's buffer, and edits are marks on those offsets.
//
// Framing is strict (RFC 9112): what two parsers could read in two ways is a
// Fault. Lengths and delimiters are never copied, always written anew.
package wire

// A Span is a piece of a head's buffer: Buf[Off:End].
type Span struct{ Off, End uint32 }

// Len is the number of bytes in the span.
func (s Span) Len() int { return int(s.End - s.Off) }

func (s Span) of(buf []byte) []byte { return buf[s.Off:s.End:s.End] }

// A Field is one header field. Name and Value are spans of Buf, or of the
// added bytes when Added is set. Deleted fields stay in place so that the
// others can be written in runs.
type Field struct {
	Name, Value Span
	line        uint32 // where its line begins in Buf, also once its bytes were replaced
	ID          FieldID
	Deleted     bool
	Added       bool
	hop         bool // meant for this connection only (RFC 9110 §7.6.1): visible to rules, never written
}

// Body says how a message's body is framed on the wire it came from.
type Body uint8

// The kinds of body. BodyClose ends with the connection (replies only),
// BodyTunnel is what follows a 101 or an answered CONNECT.
const (
	BodyNone Body = iota
	BodyLength
	BodyChunked
	BodyClose
	BodyTunnel
)

// A Result is the outcome of a parse. More means that the head is not complete:
// call again with the same bytes and those that followed.
type Result uint8

// The outcomes of a parse.
const (
	More Result = iota
	Done
	Bad
)

// A Fault says where and why a head or a chunk was refused. Offset is that of
// the offending byte in the parsed buffer; Why is static text.
type Fault struct {
	Offset int
	Why    string
}

// Limits bound a head. A zero figure, or a nil Limits, means the default.
type Limits struct {
	MaxHead   int  // bytes, empty line included: tune.bufsize - tune.maxrewrite
	MaxFields int  // fields: one less than tune.http.maxhdr, which counts the first line
	Relaxed   bool // accept-unsafe-violations-in-http-request and -response: see relaxed.go
}

const (
	// defaultMaxHead leaves HAProxy's room for added fields (tune.maxrewrite
	// 1024) in HAProxy's buffer (tune.bufsize 16384).
	defaultMaxHead = 15360
	// defaultMaxFields is what HAProxy's tune.http.maxhdr (101) leaves.
	defaultMaxFields = 100
	// maxOptions bounds the unknown names in Connection: each is looked for
	// among all fields, and no honest peer lists more than a few.
	maxOptions = 16
)

func (l *Limits) head() int {
	if l == nil || l.MaxHead <= 0 {
		return defaultMaxHead
	}
	return l.MaxHead
}

func (l *Limits) fields() int {
	if l == nil || l.MaxFields <= 0 {
		return defaultMaxFields
	}
	return l.MaxFields
}

func (l *Limits) relaxed() bool { return l != nil && l.Relaxed }

// A Head is what requests and replies share: the fields and the framing.
// Buf is borrowed from the connection: spans are valid while the caller keeps
// it. The zero value is ready; Parse resets and reuses all its memory.
type Head struct {
	Buf    []byte           // the head's bytes, the empty line included
	Fields []Field          // in the order of arrival, added ones behind
	added  []byte           // bytes of added fields, referred to by Field.Added
	owned  []byte           // of CopyTo: Buf's own memory
	parsed int              // how many of Fields came with Buf
	seen   uint32           // a bit per FieldID that ever was among Fields
	twice  uint32           // a bit per FieldID that was there more than once
	at     [fieldIDs]uint16 // where the first field of each ID seen is
	fault  Fault

	Minor     uint8 // HTTP/1.Minor: 0 or 1
	Body      Body
	HasLength bool  // a Content-Length was there; with BodyNone (HEAD, 304) it describes a body that is not sent
	Length    int64 // the Content-Length, if HasLength
	Close     bool  // the sender ends the connection after this message (Connection: close, or HTTP/1.0 without keep-alive)
	// Upgrade is set if the Connection field lists "upgrade" and an Upgrade
	// field is there, the message has no body, and the protocol is not h2c:
	// HTTP/2 must not pass as a tunnel that nobody checks.
	Upgrade bool
}

// Fault says why the last Parse returned Bad. It is overwritten by the next.
func (h *Head) Fault() *Fault { return &h.fault }

// Size is the number of bytes of the head, empty line included, and for a
// request also those of skipped empty lines before it.
func (h *Head) Size() int { return len(h.Buf) }

func (h *Head) reset() {
	h.Buf, h.Fields, h.added = nil, h.Fields[:0], h.added[:0]
	h.parsed, h.seen, h.twice, h.fault = 0, 0, 0, Fault{}
	h.Minor, h.Body, h.HasLength, h.Length, h.Close, h.Upgrade = 0, BodyNone, false, 0, false, false
}

func (h *Head) bad(offset int, why string) Result {
	h.fault = Fault{Offset: offset, Why: why}
	return Bad
}
