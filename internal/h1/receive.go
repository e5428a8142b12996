package h1

import (
	"strings"

	"bascule/internal/stream"
	"bascule/internal/wire"
)

// Resume goes on reading after the client was blocked, in a turn of its own:
// the caller may be in the middle of reading another connection.
func (b *back) Resume() { b.c.Again() }

// read passes the reply on, as far as the client takes it.
func (b *back) read() {
	if b.tunnel {
		b.readTunnel()
		return
	}
	if b.unsent { // what may have come answers something else
		b.lost(stream.Reset)
		return
	}
	if b.c.Err() != nil {
		b.c.MayRead() // the server may have answered before it closed
	}
	for range turnReads {
		if b.s.Stopped() {
			return
		}
		if n, ok := b.splice(); n > 0 {
			if b.left == 0 {
				b.end(nil, nil)
				return
			}
			b.s.FlushFront()
			continue
		} else if ok && b.c.Readable() {
			return // the client takes no more
		}
		p, err := b.c.Fill()
		if len(p) > 0 {
			if b.spoke = true; !b.take(p) {
				return
			}
		}
		if err != nil {
			b.ended()
			return
		}
		if !b.c.Readable() {
			if b.c.Err() != nil {
				b.lost(stream.Reset)
				return
			}
			b.s.FlushFront()
			return
		}
		b.s.FlushFront() // a client that did not take this read gets no other one
	}
	b.c.Again()
}

// take works on what was read and says whether the stream goes on.
func (b *back) take(p []byte) bool {
	for !b.headOK {
		n, ok := b.head(p)
		if !ok {
			return false
		}
		if n == 0 {
			return true // not complete
		}
		p = p[n:]
	}
	if b.tunnel {
		if len(p) > 0 {
			b.s.Down(p)
		}
		b.c.Keep(nil)
		return b.s != nil
	}
	return b.body(p)
}

// splice moves the body on inside the kernel, while much of it is left; ok is
// false where it must be read.
func (b *back) splice() (n int64, ok bool) {
	if !b.headOK || b.in != wire.BodyLength {
		return 0, false
	}
	n, ok = b.s.SpliceReply(b.c, b.left)
	b.left -= n
	return n, ok
}

// head reads one head, interim or final; n is its size, 0 if it is not complete.
func (b *back) head(p []byte) (n int, ok bool) {
	if len(p) == 0 {
		b.c.Keep(nil)
		return 0, true
	}
	rep := &b.p.rep
	switch rep.Parse(p, b.p.heads(b.s.LooseReplies()), b.method) {
	case wire.More:
		b.c.Keep(p)
		return 0, true
	case wire.Bad:
		b.s.BadReply(b.srv, p, rep.Fault())
		b.lost(stream.Garbage)
		return 0, false
	}
	n = rep.Size()
	if rep.Status < 200 && rep.Status != 101 {
		b.s.ReplyHead(rep)
		return n, b.s != nil
	}
	if b.waits(rep, len(p)) {
		b.c.Keep(p)
		return 0, true
	}
	b.headOK, b.in, b.left, b.rest = true, rep.Body, rep.Length, unasked
	if rep.Status == 401 || rep.Status == 407 {
		b.private = b.private || asksOfConnection(rep)
	}
	b.close = b.close || rep.Close || rep.Minor == 0 && rep.Body == wire.BodyClose
	if rep.Body == wire.BodyChunked {
		if b.chunks == nil {
			b.chunks = new(wire.Chunks)
		}
		b.chunks.Reset()
	}
	b.s.ReplyHead(rep)
	return n, b.s != nil
}

// body passes on bytes of the reply's body and says whether the stream goes on.
func (b *back) body(p []byte) bool {
	switch b.in {
	case wire.BodyNone:
		return b.end(p, nil)
	case wire.BodyLength:
		n := min(int64(len(p)), b.left)
		b.left -= n
		if n > 0 {
			b.s.ReplyData(p[:n])
		}
		if b.s == nil {
			return false // rules that had waited for the body ended the stream
		}
		if b.left == 0 {
			return b.end(p[n:], nil)
		}
	case wire.BodyChunked:
		data, used, state := wire.Compact(b.chunks, p)
		if len(data) > 0 {
			b.s.ReplyData(data)
		}
		if b.s == nil {
			return false
		}
		switch state {
		case wire.ChunkEnd:
			return b.end(p[used:], b.chunks.Trailers())
		case wire.ChunkBad:
			b.s.BadReplyBody(b.srv, p[used:], b.chunks.Why())
			b.lost(stream.Garbage)
			return false
		}
	case wire.BodyClose:
		if len(p) > 0 {
			b.s.ReplyData(p)
		}
	}
	if b.s == nil {
		return false
	}
	b.c.Keep(nil)
	return true
}

// end finishes the reply. Bytes behind it were asked for by nobody: the
// connection is not used again.
func (b *back) end(rest, trailers []byte) bool {
	if len(rest) > 0 {
		b.close = true
	}
	b.c.Keep(nil)
	b.s.ReplyEnd(trailers)
	return false
}

// ended is the end of the server's direction.
func (b *back) ended() {
	switch {
	case b.s == nil:
	case b.tunnel && b.c.Failed():
		b.lost(stream.Reset)
	case b.tunnel:
		b.s.DownEnd()
	case b.headOK && b.in == wire.BodyClose && !b.c.Failed():
		b.close = true
		b.s.ReplyEnd(nil)
	default:
		b.lost(stream.Reset)
	}
}

// asksOfConnection says whether a 401 or 407 asks for a login that is the
// connection's and not the request's: others must not use it then.
func asksOfConnection(rep *wire.Reply) bool {
	name := []byte("WWW-Authenticate")
	if rep.Status == 407 {
		name = []byte("Proxy-Authenticate")
	}
	for i := rep.Find(name, 0); i >= 0; i = rep.Find(name, i+1) {
		v := rep.Value(&rep.Fields[i])
		if len(v) >= 4 && (strings.EqualFold(string(v[:4]), "Nego") || strings.EqualFold(string(v[:4]), "NTLM")) {
			return true
		}
	}
	return false
}
