package hostile

// Why haproxy 2.6 makes something else of a row, where several rows have the
// same reason. bascule does as RFC 9112 says, and refuses where it leaves the
// choice.
const (
	lone           = "takes LF alone for the end of a line (RFC 9112 §2.2 allows it)"
	folds          = "joins folded lines (RFC 9112 §5.2 allows it)"
	controls       = "lets control bytes pass"
	codingWins     = "lets the coding win over the length, and closes (RFC 9112 §6.3 allows it)"
	onePointZero   = "reads a coding of HTTP/1.0, and closes (RFC 9112 §6.1)"
	sameLengths    = "takes equal lengths for one (RFC 9112 §6.3 allows it)"
	keepsTrailers  = "hands on trailers that decide framing, routing or trust"
	lateBody       = "lets the server's time run while the client is late"
	otherStatus    = "answers 422 to codings below chunked"
	keepsVersion   = "hands on the client's version; requests of bascule are HTTP/1.1 (RFC 9110 §2.5)"
	anyHost        = "does not look into Host"
	anyForm        = "does not look into the forms of targets"
	anySpace       = "takes all white space between the parts of a request line"
	anyVersion     = "takes every version of two digits"
	firstBuffer    = "reads what came with the head before it hands the head on"
	readsAsFraming = "hands on names that others may read as those of framing fields"
	readAhead      = "reads what came with the head before it chooses a server"
)
