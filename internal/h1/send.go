package h1

import "bascule/internal/wire"

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
	if b.up != nil {
		b.up.Feed(d)
	}
	b.out.data(p, b.c, d)
}

// SendEnd ends the request's body.
func (b *back) SendEnd(trailers []byte) {
	b.upOK = true
	b.p.own(b)
	b.out.end(b.p, trailers)
}

// Flush sends what is under way.
func (b *back) Flush() {
	p := b.p
	if p.owner == writer(b) {
		_ = b.c.Send(p.out)
		p.out, p.owner = p.out[:0], nil
	}
	if b.c.Err() != nil {
		b.c.Again() // the server may have answered before it closed: read first
	}
	if b.c.Pending() > 0 {
		b.stuck = true
	}
}

// Blocked says that the server takes no more for now.
func (b *back) Blocked() bool { return b.stuck }
