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
	line      []byte // replaced method or target, see SetTarget
}
