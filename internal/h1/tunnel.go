package h1

import (
	"math/rand/v2"

	"bascule/internal/stream"
	"bascule/internal/wire"
)

// goingAway is the WebSocket status for a tunnel that bascule ends because its
// server went away: the client shall reconnect (1012, service restart).
const goingAway = 1012

// Tunnel makes both directions plain bytes, see stream.Front.
func (f *front) Tunnel(frames bool) {
	f.tunnel, f.keep = true, false
	if frames {
		f.down = new(wire.Frames)
	}
	f.c.Again() // the client may have sent ahead
}

func (f *front) readTunnel() {
	for range turnReads {
		if f.s.UpBlocked() {
			return
		}
		p, err := f.c.Fill()
		if len(p) > 0 {
			f.received += int64(len(p))
			f.s.Up(p)
			f.c.Keep(nil)
		}
		if f.s == nil {
			return
		}
		if err != nil {
			if f.c.Failed() {
				f.s.TunnelBroken(false)
			} else {
				f.s.UpEnd()
			}
			return
		}
		if !f.c.Readable() {
			return
		}
	}
	f.c.Again()
}

// CloseWrite passes on that the server has ended its direction. A server that
// ends without a Close frame died: its client learns that it may come again.
func (f *front) CloseWrite() {
	f.sayGoingAway()
	f.c.CloseWrite()
}

// endTunnel closes a tunnel.
func (f *front) endTunnel(whole bool) {
	if !whole {
		f.sayGoingAway()
	}
	f.quit()
}

// sayGoingAway sends the client a Close frame where the stream towards it
// stands between two frames and none has passed.
func (f *front) sayGoingAway() {
	if f.down == nil || !f.down.AtBoundary() || f.down.Broken() || f.down.Closed || f.c.Err() != nil {
		return
	}
	_ = f.c.Send(wire.AppendCloseFrame(nil, goingAway, "", false, [4]byte{}))
	f.down.Closed = true
}

// Tunnel makes both directions plain bytes, see stream.Back.
func (b *back) Tunnel(frames bool) {
	b.tunnel, b.close, b.upOK = true, true, true
	b.out.body = wire.BodyTunnel
	if frames {
		b.up = new(wire.Frames)
	}
}

// CloseWrite passes on that the client has ended its direction.
func (b *back) CloseWrite() { b.c.CloseWrite() }

// endTunnel tells the server, masked as a client's frames are.
func (b *back) endTunnel() {
	if b.up != nil && b.up.AtBoundary() && !b.up.Broken() && !b.up.Closed && b.c.Err() == nil {
		var key [4]byte
		for i := range key {
			key[i] = byte(rand.Uint32())
		}
		_ = b.c.Send(wire.AppendCloseFrame(nil, goingAway, "", true, key))
	}
	b.c.CloseAfterSend()
}

var _ stream.Front = (*front)(nil)
var _ stream.Back = (*back)(nil)
