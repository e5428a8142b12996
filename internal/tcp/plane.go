// Package tcp is the plane of mode tcp: a client connection is a stream from
// its first moment, and its bytes pass unread. It implements the client's side
// only; the server's side of a tunnel is the same for every plane.
package tcp

import (
	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// A Plane carries the tcp connections of one loop. It shares the carrier, and
// so the list of streams and the server connections, with the loop's other
// planes.
type Plane struct {
	car *stream.Carrier
}

// New makes the plane of a loop.
func New(car *stream.Carrier) *Plane { return &Plane{car} }

// Take carries a client connection that Arrive has counted. What was kept of
// it goes to the server first.
func (p *Plane) Take(c *loop.Conn, fe *stream.Frontend, info stream.Client) {
	f := &front{p: p, fe: fe, info: info, c: c}
	c.SetHandler(f)
	fe.Counters.Add(p.car.Loop.Index(), backend.Sessions, 1)
	info.Of.Count(p.car.Loop.Index(), backend.Sessions)
	p.car.BeginConnection(f, fe, &f.info)
}

var _ loop.Handler = (*front)(nil)
var _ stream.Front = (*front)(nil)
var _ stream.Splicer = (*front)(nil)
