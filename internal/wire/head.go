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

// A FieldID names the fields that bascule itself looks at, so that finding one
// needs no comparison of names.
type FieldID uint8

// The fields with an ID; FieldOther is every other one.
const (
	FieldOther FieldID = iota
	FieldHost
	FieldConnection
	FieldContentLength
	FieldTransferEncoding
	FieldUpgrade
	FieldCookie
	FieldSetCookie
	FieldExpect
	FieldKeepAlive
	FieldProxyConnection
	FieldTE
	FieldTrailer
	FieldXForwardedFor
	FieldCacheControl
	FieldPragma
	FieldExpires
	FieldAuthorization
	FieldSecWebSocketKey
	FieldIdempotencyKey
	FieldHTTP2Settings
)

// A Field is one header field. Name and Value are spans of Buf, or of the
// added bytes when Added is set. Deleted fields stay in place so that the
// others can be written in runs.
type Field struct {
	Name, Value Span
	ID          FieldID
	Deleted     bool
	Added       bool
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

// A Head is what requests and replies share: the fields and the framing.
// Buf is borrowed from the connection: spans are valid while the caller keeps
// it. The zero value is ready; Parse resets and reuses all its memory.
type Head struct {
	Buf    []byte  // the head's bytes, the empty line included
	Fields []Field // in the order of arrival, added ones behind
	added  []byte  // bytes of added fields, referred to by Field.Added
	Minor  uint8   // HTTP/1.Minor: 0 or 1
	Body   Body
	Length int64 // of the body, if BodyLength
	Close  bool  // the sender ends the connection after this message (Connection: close, or HTTP/1.0 without keep-alive)
	// Upgrade is set if the Connection field lists "upgrade" and an Upgrade field is there.
	Upgrade bool
}
