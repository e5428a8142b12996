package h1

import "bascule/internal/wire"

// Pump passes on what has come of the request's body, see stream.Front.
func (f *front) Pump() {
	if f.tunnel {
		f.s.ReadUp(f.c, &f.received)
		return
	}
	if len(f.c.Kept()) > 0 && f.s.WantsBody() {
		f.body(f.c.Kept())
	}
	if f.s == nil || !f.s.WantsBody() {
		return
	}
	if f.c.Readable() || f.c.Ended() { // the end may have come with a request before this one
		f.c.Again()
	}
}

// readBody reads more of the request's body, as far as the server takes it.
func (f *front) readBody() {
	for range turnReads {
		if !f.s.WantsBody() {
			return // a client may shut down its side and still wait: only a reset counts
		}
		n, ok := f.splice()
		if n > 0 || ok && f.c.Readable() { // moved, or the server takes no more
			continue
		}
		p, err := f.c.Fill()
		if len(p) > 0 {
			f.body(p)
		}
		if f.s == nil {
			return
		}
		f.s.FlushBack()
		if f.s == nil || f.s.BodyDone() {
			return
		}
		if err != nil {
			f.s.ClientGone()
			return
		}
		if !f.c.Readable() {
			return
		}
	}
	f.c.Again()
}

// body takes bytes of the request's body and keeps what lies behind it.
func (f *front) body(p []byte) {
	s := f.s
	switch f.in {
	case wire.BodyLength:
		n := min(int64(len(p)), f.left, int64(s.Room()))
		f.left -= n
		f.received += n
		s.FromBody(p[:n])
		f.c.Keep(p[n:])
		if f.left == 0 {
			s.FromEnd(nil)
		}
	case wire.BodyChunked:
		rest, state := f.unchunk(p)
		if state == wire.ChunkBad {
			s.BadRequestBody(rest, f.chunks.Why())
			f.c.Keep(nil)
			s.FromBad()
			return
		}
		f.c.Keep(rest)
		if state == wire.ChunkEnd {
			s.FromEnd(f.chunks.Trailers())
		}
	}
}

// unchunk passes on the payload of chunks, as much as the stream takes, and
// gives what lies behind it.
func (f *front) unchunk(p []byte) (rest []byte, state wire.ChunkState) {
	for {
		n := min(len(p), max(f.s.Room(), 1))
		data, used, state := wire.Compact(f.chunks, p[:n])
		f.received += int64(used)
		if len(data) > 0 {
			f.s.FromBody(data)
		}
		p = p[used:]
		if state != wire.ChunkMore || len(p) == 0 || f.s.Room() == 0 {
			return p, state
		}
	}
}

// splice moves the body on inside the kernel, while much of it is left; ok is
// false where it must be read.
func (f *front) splice() (n int64, ok bool) {
	if f.in != wire.BodyLength {
		return 0, false
	}
	if n, ok = f.s.SpliceBody(f.c, f.left); n > 0 {
		f.left -= n
		f.received += n
		if f.left == 0 {
			f.s.FromEnd(nil)
		}
	}
	return n, ok
}
