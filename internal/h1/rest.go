package h1

import (
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A rest says whether a reply whose head has come waits for its end, or why it is
// not waited for.
type rest uint8

const (
	unasked  rest = iota
	waited        // it does, until the connection's deadline
	unwaited      // it has, in vain
	late          // it has not come in time
)

// waits says that a short reply of known length is not passed on before it is
// whole, of which got bytes have come: until then its server can die, and another
// one be asked. One that comes in one read, as nearly all do, never waits.
//
// It does not wait while the request is still on its way: the connection has one
// deadline, and that is the upload's then.
func (b *back) waits(rep *wire.Reply, got int) bool {
	most := int64(b.s.Holds())
	if most == 0 || rep.Body != wire.BodyLength || rep.Length > most || b.rest == unwaited || !b.upOK || b.s.Stopped() {
		return false
	}
	if whole := int64(rep.Size()) + rep.Length; whole > most || int64(got) >= whole {
		return false
	}
	if b.rest == unasked {
		b.rest = waited
		b.s.ReplyWaits()
		b.c.SetDeadline(stream.MostHeld)
	}
	return true
}
