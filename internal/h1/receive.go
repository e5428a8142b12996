package h1

import (
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// Resume goes on reading after the client was blocked, in a turn of its own:
// the caller may be in the middle of reading another connection.
func (b *back) Resume() { b.c.Again() }

// read passes the reply on, as far as the client takes it.
func (b *back) read() {
	for range turnReads {
		if b.s.Stopped() {
			return
		}
		p, err := b.c.Fill()
		if len(p) > 0 && !b.take(p) {
			return
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
	}
	b.s.FlushFront()
	b.c.Again()
}

// take works on what was read and says whether the stream goes on.
func (b *back) take(p []byte) bool {
	if b.tunnel {
		b.s.Down(p)
		b.c.Keep(nil) // not before: p may lie in what was kept
		return b.s != nil
	}
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

// head reads one head, interim or final; n is its size, 0 if it is not complete.
func (b *back) head(p []byte) (n int, ok bool) {
	if len(p) == 0 {
		b.c.Keep(nil)
		return 0, true
	}
	rep := &b.p.rep
	switch rep.Parse(p, &b.p.limits, b.method) {
	case wire.More:
		b.c.Keep(p)
		return 0, true
	case wire.Bad:
		b.lost(stream.Garbage)
		return 0, false
	}
	n = rep.Size()
	if rep.Status < 200 && rep.Status != 101 {
		b.s.ReplyHead(rep)
		return n, b.s != nil
	}
	b.headOK, b.in, b.left = true, rep.Body, rep.Length
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
		if b.left == 0 {
			return b.end(p[n:], nil)
		}
	case wire.BodyChunked:
		data, used, state := wire.Compact(b.chunks, p)
		if len(data) > 0 {
			b.s.ReplyData(data)
		}
		switch state {
		case wire.ChunkEnd:
			return b.end(p[used:], b.chunks.Trailers())
		case wire.ChunkBad:
			b.lost(stream.Garbage)
			return false
		}
	case wire.BodyClose:
		if len(p) > 0 {
			b.s.ReplyData(p)
		}
	}
	b.c.Keep(nil)
	return b.s != nil
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
