package h1

import "bascule/internal/wire"

// SendHead sends a request's head, see stream.Back.
func (b *back) SendHead(head []byte, method wire.Method, body wire.Body) {
	p := b.p
	p.own(b)
	b.method, b.out = method, body
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
	if b.out == wire.BodyChunked && !b.tunnel {
		b.endChunk()
		p.out = wire.AppendChunkHead(p.out, len(d))
		b.crlf = true
	}
	if len(d) <= smallBody && len(p.out)+len(d) <= outSize {
		p.out = append(p.out, d...)
		return
	}
	_ = b.c.SendV(p.out, d) // the error is sticky and met in Flush
	p.out = p.out[:0]
}

func (b *back) endChunk() {
	if b.crlf {
		b.p.out = append(b.p.out, '\r', '\n')
		b.crlf = false
	}
}

// SendEnd ends the request's body.
func (b *back) SendEnd(trailers []byte) {
	b.upOK = true
	if b.out != wire.BodyChunked {
		return
	}
	p := b.p
	p.own(b)
	b.endChunk()
	if len(trailers) == 0 {
		p.out = append(p.out, wire.LastChunk...)
		return
	}
	p.out = append(p.out, "0\r\n"...)
	p.out = append(p.out, trailers...)
	p.out = append(p.out, '\r', '\n')
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
