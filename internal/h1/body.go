package h1

import "bascule/internal/wire"

// Pump passes on what has come of the request's body, see stream.Front.
func (f *front) Pump() {
	if f.tunnel {
		f.readTunnel()
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
		return
	}
	f.s.SetClientDeadline() // the server has taken all: it is the client's turn
}

// readBody reads more of the request's body, as far as the server takes it.
func (f *front) readBody() {
	for range turnReads {
		if !f.s.WantsBody() {
			if !f.s.BodyDone() && !f.stuck {
				f.c.SetDeadline(0) // it is the server that is late
			}
			return // a client may shut down its side and still wait: only a reset counts
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
			f.s.SetClientDeadline()
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
		n := min(int64(len(p)), f.left)
		f.left -= n
		f.received += n
		s.FromBody(p[:n])
		f.c.Keep(p[n:])
		if f.left == 0 {
			s.FromEnd(nil)
		}
	case wire.BodyChunked:
		data, used, state := wire.Compact(f.chunks, p)
		f.received += int64(used)
		if len(data) > 0 {
			s.FromBody(data)
		}
		f.c.Keep(p[used:])
		switch state {
		case wire.ChunkEnd:
			s.FromEnd(f.chunks.Trailers())
		case wire.ChunkBad:
			f.c.Keep(nil)
			s.FromBad()
		}
	}
}
