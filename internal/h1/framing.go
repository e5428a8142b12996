package h1

import (
	"bascule/internal/loop"
	"bascule/internal/wire"
)

// A framing writes one message's body in its own framing, on either side: to
// a client or to a server.
type framing struct {
	body wire.Body
	crlf bool // the end of a chunk is owed
}

// data appends d to what is under way, or sends both if d is large. It says
// how many bytes were sent.
func (w *framing) data(p *Plane, c *loop.Conn, d []byte) (sent int) {
	if w.body == wire.BodyChunked {
		w.endChunk(p)
		p.out = wire.AppendChunkHead(p.out, len(d))
		w.crlf = true
	}
	if len(d) <= smallBody && len(p.out)+len(d) <= outSize {
		p.out = append(p.out, d...)
		return 0
	}
	sent = len(p.out) + len(d)
	_ = c.SendV(p.out, d) // the error is sticky and met in Flush
	p.out = p.out[:0]
	return sent
}

func (w *framing) endChunk(p *Plane) {
	if w.crlf {
		p.out = append(p.out, '\r', '\n')
		w.crlf = false
	}
}

// end appends what ends the body; trailers are lines, or nil.
func (w *framing) end(p *Plane, trailers []byte) {
	if w.body != wire.BodyChunked {
		return
	}
	w.endChunk(p)
	if len(trailers) == 0 {
		p.out = append(p.out, wire.LastChunk...)
		return
	}
	p.out = append(p.out, "0\r\n"...)
	p.out = append(p.out, trailers...)
	p.out = append(p.out, '\r', '\n')
}
