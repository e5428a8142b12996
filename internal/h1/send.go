package h1

import (
	"bascule/internal/loop"
	"bascule/internal/wire"
)

// SendHead sends a request's head, see stream.Back.
func (b *back) SendHead(head []byte, method wire.Method, body wire.Body) {
	p := b.p
	p.own(b)
	b.method, b.out = method, framing{body: body}
	b.upOK = body == wire.BodyNone
	p.out = append(p.out, head...)
}

// SendData passes on bytes of the request's body, or of a tunnel.
func (b *back) SendData(d []byte) {
	p := b.p
	p.own(b)
	if b.frames {
		b.up.Feed(d)
	}
	if sent := b.out.data(p, b.c, d); sent > 0 {
		b.wrote(sent)
	}
}

// SendEnd ends the request's body.
func (b *back) SendEnd(trailers []byte) {
	b.upOK = true
	b.p.own(b)
	b.out.end(b.p, trailers)
}

// Splice sends bytes of another socket without copying, see stream.Splicer.
func (b *back) Splice(from *loop.Conn, most int64) (n int64, ok bool) {
	if b.out.body == wire.BodyChunked || b.frames {
		return 0, false
	}
	b.Flush()
	n, ok = b.c.Splice(from, most)
	if !b.headOK {
		b.left += n // of them some may be at the server, even behind an error
	}
	b.stuck = b.stuck || b.c.Pending() > 0
	if b.c.Err() != nil {
		b.c.Again()
	}
	return n, ok
}

// Flush sends what is under way.
func (b *back) Flush() {
	p := b.p
	if p.owner == writer(b) {
		_ = b.c.Send(p.out)
		b.wrote(len(p.out))
		p.out, p.owner = p.out[:0], nil
	}
	if b.c.Err() != nil {
		b.c.Again() // in a turn of its own: the caller may be in the middle of another
	}
	if b.c.Pending() > 0 {
		b.stuck = true
	}
}

// Blocked says that the server takes no more for now.
func (b *back) Blocked() bool { return b.stuck }

// wrote counts what was written of the request, so that it can be told from what
// the server has acknowledged. Of a write that fails nothing has left, and of the
// request nothing if it was the first.
func (b *back) wrote(n int) {
	switch {
	case b.headOK:
	case b.c.Err() == nil:
		b.left += int64(n)
	case b.left == 0:
		b.unsent = true
	}
}
