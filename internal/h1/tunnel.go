package h1

import (
	"math/rand/v2"

	"bascule/internal/stream"
	"bascule/internal/wire"
)

// Tunnel makes both directions plain bytes, see stream.Front.
func (f *front) Tunnel(frames bool) {
	f.tunnel, f.keep, f.frames, f.chunks = true, false, frames, nil
	f.c.Again() // the client may have sent ahead
}

// CloseWrite passes on that the server has ended its direction. A server that
// ends without a Close frame died, unless its client had said goodbye: the
// client learns that it may come again.
func (f *front) CloseWrite() {
	if !f.s.SaidGoodbye() {
		f.goodbye(f.s)
	}
	f.frames = false // nothing more is said in this direction
	f.c.CloseWrite()
}

// readTunnel passes on what has come of a tunnel.
func (b *back) readTunnel() {
	for range turnReads {
		if b.s.Stopped() {
			return
		}
		err := b.s.ReadDown(b.c)
		switch {
		case err != nil:
			b.ended()
			return
		case b.s == nil:
			return
		case !b.c.Readable():
			if b.c.Err() != nil {
				b.lost(stream.Reset)
			}
			return
		}
	}
	b.c.Again()
}

// endTunnel closes the tunnel of s, which is over. A client that was told gets
// an ordinary close behind it even with option nolinger: a reset would destroy
// what it was told.
func (f *front) endTunnel(s *stream.Stream, whole bool) {
	if whole || !f.goodbye(s) {
		f.quit()
		return
	}
	f.leaving = true
	f.disown()
	f.c.CloseAfterSend()
}

// goodbye sends the client a Close frame where the stream towards it stands
// between two frames and none has passed, and counts whether it can; it counts
// first, so that who was told finds himself in the figures.
func (f *front) goodbye(s *stream.Stream) (told bool) {
	if !f.frames || f.down.Closed || f.c.Err() != nil || f.c.Failed() {
		return false
	}
	told = f.down.AtBoundary()
	s.CountGoodbye(told)
	if told {
		_ = f.c.Send(wire.AppendCloseFrame(nil, s.CloseCode(), "", false, [4]byte{})) // sticky: the close finds it
		f.down.Closed = true
	}
	return told
}

// Between says that a Close frame can be put in, see stream.Framed.
func (f *front) Between() bool {
	return f.frames && f.down.AtBoundary() && !f.down.Closed && f.c.Err() == nil && !f.c.Failed()
}

// Quiet says that nothing is under way towards the client and nothing has come
// from it, so that a Close frame can be put in without a loss.
func (f *front) Quiet() bool {
	return f.frames && f.down.AtBoundary() && !f.c.Readable() && f.c.Pending() == 0
}

// Tunnel makes both directions plain bytes, see stream.Back.
func (b *back) Tunnel(frames bool) {
	b.tunnel, b.close, b.upOK = true, true, true
	b.out.body = wire.BodyTunnel
	b.frames, b.chunks = frames, nil
}

// CloseWrite passes on that the client has ended its direction.
func (b *back) CloseWrite() {
	b.frames = false // nothing more is said in this direction
	b.c.CloseWrite()
}

// SaidGoodbye says that a Close frame of the client has passed.
func (b *back) SaidGoodbye() bool { return b.up.Closed }

// Between is front.Between for the server's side.
func (b *back) Between() bool {
	return b.frames && b.up.AtBoundary() && !b.up.Closed && b.c.Err() == nil && !b.c.Failed()
}

// Quiet is front.Quiet for the server's side.
func (b *back) Quiet() bool {
	return b.frames && b.up.AtBoundary() && !b.c.Readable() && b.c.Pending() == 0
}

// endTunnel tells the server of the end of s, masked as a client's frames are.
func (b *back) endTunnel(s *stream.Stream) {
	if s.CutByClient() {
		b.c.Reset()
		return
	}
	if b.Between() {
		var key [4]byte
		for i := range key {
			key[i] = byte(rand.Uint32())
		}
		_ = b.c.Send(wire.AppendCloseFrame(nil, s.CloseCode(), "", true, key)) // likewise
	}
	b.c.CloseAfterSend()
}

var (
	_ stream.Front   = (*front)(nil)
	_ stream.Back    = (*back)(nil)
	_ stream.Splicer = (*front)(nil)
	_ stream.Splicer = (*back)(nil)
	_ stream.Framed  = (*front)(nil)
	_ stream.Framed  = (*back)(nil)
)
