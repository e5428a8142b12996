// Package tcp is the plane of mode tcp: a client connection is a stream from
// its first moment, and its bytes pass unread. It implements the client's side
// only; the server's side of a tunnel is the same for every plane.
package tcp

import (
	"net/netip"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// turnReads is how often a connection is read before the others have their
// turn: 64 KiB each.
const turnReads = 4

// A Plane carries the tcp connections of one loop. It shares the carrier, and
// so the list of streams and the server connections, with the loop's other
// planes.
type Plane struct {
	car *stream.Carrier
}

// New makes the plane of a loop.
func New(car *stream.Carrier) *Plane { return &Plane{car} }

// Accept takes a client connection that was just accepted.
func (p *Plane) Accept(fd int, from, to netip.AddrPort, fe *stream.Frontend) {
	l := p.car.Loop
	f := &front{p: p, fe: fe, info: stream.Client{From: from, To: to, Accepted: l.Now(), Wall: l.Wall()}}
	c, err := l.Adopt(fd, f)
	if err != nil {
		p.car.Env.Log.Warn("a client connection could not be registered", "error", err)
		return
	}
	f.c = c
	fe.Counters.Add(l.Index(), backend.Conns, 1)
	fe.Counters.Add(l.Index(), backend.Sessions, 1)
	fe.Cur.Enter()
	p.car.Env.Conns.Enter()
	p.car.BeginConnection(f, fe, &f.info)
}

var _ loop.Handler = (*front)(nil)
var _ stream.Front = (*front)(nil)
