package wire

// A Reply is the head of an HTTP/1 response (RFC 9112 §4).
type Reply struct {
	Head
	Status     int
	ReasonSpan Span
}
