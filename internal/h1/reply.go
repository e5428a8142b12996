package h1

import (
	"strconv"

	"bascule/internal/rule"
	"bascule/internal/wire"
)

// WriteHead starts the reply, or passes an interim one, see stream.Front.
func (f *front) WriteHead(rep *wire.Reply) {
	p := f.p
	p.own(f)
	if rep.Status < 200 && rep.Status != 101 {
		p.out = rep.AppendTo(p.out, f.minor, wire.BodyNone, 0, wire.ConnNone)
		return
	}
	if !f.s.BodyDone() {
		f.keep = false // what is left of the request's body would be read as a request
	}
	f.head, f.out = true, rep.Body
	length := rep.Length
	switch rep.Body {
	case wire.BodyClose, wire.BodyChunked:
		f.out = wire.BodyChunked
		if f.minor == 0 {
			f.out, f.keep = wire.BodyClose, false
		}
	case wire.BodyTunnel:
		p.out = rep.AppendTo(p.out, f.minor, wire.BodyTunnel, 0, wire.ConnUpgrade)
		return
	}
	p.out = rep.AppendTo(p.out, f.minor, f.out, length, f.connField())
}

// WriteData takes bytes of the body, see stream.Front.
func (f *front) WriteData(b []byte) {
	p := f.p
	p.own(f)
	if f.down != nil {
		f.down.Feed(b)
	}
	if f.out == wire.BodyChunked && !f.tunnel {
		f.endChunk()
		p.out = wire.AppendChunkHead(p.out, len(b))
		f.crlf = true
	}
	if len(b) <= smallBody && len(p.out)+len(b) <= outSize {
		p.out = append(p.out, b...)
		return
	}
	f.sent += int64(len(p.out) + len(b))
	_ = f.c.SendV(p.out, b) // the error is sticky and met in Flush
	p.out = p.out[:0]
}

func (f *front) endChunk() {
	if f.crlf {
		f.p.out = append(f.p.out, '\r', '\n')
		f.crlf = false
	}
}

// WriteEnd ends the body, see stream.Front.
func (f *front) WriteEnd(trailers []byte) {
	if f.out != wire.BodyChunked {
		return
	}
	p := f.p
	p.own(f)
	f.endChunk()
	if len(trailers) == 0 {
		p.out = append(p.out, wire.LastChunk...)
		return
	}
	p.out = append(p.out, "0\r\n"...)
	p.out = append(p.out, trailers...)
	p.out = append(p.out, '\r', '\n')
}

// Flush sends what is under way.
func (f *front) Flush() {
	p := f.p
	if p.owner == writer(f) {
		f.sent += int64(len(p.out))
		_ = f.c.Send(p.out)
		p.out, p.owner = p.out[:0], nil
	}
	if f.c.Err() != nil {
		f.c.Again() // the stream hears of it from Ready, not in the middle of its own work
	}
	if f.c.Pending() > 0 {
		f.stuck = true
	}
}

// Blocked says that the client takes no more for now.
func (f *front) Blocked() bool { return f.stuck }

// appendAnswer writes the head of an answer made here.
func appendAnswer(dst []byte, a *rule.Answer, conn wire.Conn) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(a.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, a.Reason...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(a.Body)), 10)
	dst = append(dst, "\r\n"...)
	dst = append(dst, a.Fields...)
	switch conn {
	case wire.ConnClose:
		dst = append(dst, "Connection: close\r\n"...)
	case wire.ConnKeepAlive:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}
