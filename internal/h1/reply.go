package h1

import (
	"strconv"

	"bascule/internal/loop"
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
	f.head, f.out = true, framing{body: rep.Body}
	length := rep.Length
	switch rep.Body {
	case wire.BodyClose, wire.BodyChunked:
		f.out.body = wire.BodyChunked
		if f.minor == 0 {
			f.out.body, f.keep = wire.BodyClose, false
		}
	case wire.BodyTunnel:
		p.out = rep.AppendTo(p.out, f.minor, wire.BodyTunnel, 0, wire.ConnUpgrade)
		return
	}
	p.out = rep.AppendTo(p.out, f.minor, f.out.body, length, f.connField())
}

// WriteData takes bytes of the body, see stream.Front.
func (f *front) WriteData(b []byte) {
	p := f.p
	p.own(f)
	if f.frames {
		f.down.Feed(b)
	}
	f.sent += int64(f.out.data(p, f.c, b))
}

// WriteEnd ends the body, see stream.Front.
func (f *front) WriteEnd(trailers []byte) {
	f.p.own(f)
	f.out.end(f.p, trailers)
}

// Splice sends bytes of another socket without copying, see stream.Splicer. A
// WebSocket's frames must be seen, and a chunk would need its length before.
func (f *front) Splice(from *loop.Conn, most int64) (n int64, ok bool) {
	if f.out.body == wire.BodyChunked || f.frames {
		return 0, false
	}
	f.Flush() // the head, and what was copied
	n, ok = f.c.Splice(from, most)
	f.sent += n
	f.stuck = f.stuck || f.c.Pending() > 0
	if f.c.Err() != nil {
		f.c.Again()
	}
	return n, ok
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
