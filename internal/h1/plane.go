// Package h1 is the plane of HTTP/1: the client's side (front) and a server's
// side (back) that package stream defines, over connections of one loop.
//
// Bytes pass from socket to socket through the loop's scratch buffer; a
// connection has no buffer of its own unless something has to wait.
package h1

import (
	"net/netip"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

const (
	// turnReads is how often one connection is read before the others have
	// their turn: 64 KiB each.
	turnReads = 4
	// turnRequests is how many pipelined requests it may start in a turn.
	turnRequests = 16
	// smallBody is what is copied behind a head to leave in one send; more is
	// sent from where it was read.
	smallBody = 4 << 10
	// outSize is enough for most heads, so that the buffer seldom grows.
	outSize = 16 << 10
)

// A Plane carries the HTTP/1 connections of one loop.
type Plane struct {
	loop            *loop.Loop
	env             *stream.Env
	car             stream.Carrier
	limits          [2]wire.Limits // of heads: strict, and for the options accept-unsafe-violations-in-http-*
	req             wire.Request   // the head being read; one at a time
	rep             wire.Reply
	pools           []*pool    // by server index; nil: never asked for
	planes          []*Plane   // of all loops, that share idle connections; nil: each keeps its own
	absent          *loop.Conn // of backs that wait for another loop's
	askFor          time.Duration
	shakes          *loop.Handshakes
	lowFDs, highFDs int    // tune.pool-low-fd-ratio and its high companion, as descriptors
	fronts          *front // all client connections
	soft            bool   // stopping: every reply is the last of its connection

	// What is being written, and whose it is: a head and a small body leave in
	// one send.
	out   []byte
	owner writer
	intro []byte // a PROXY header
}

// A writer is a front or a back with bytes in Plane.out.
type writer interface{ Flush() }

// New makes the plane of a loop.
func New(l *loop.Loop, env *stream.Env, g *config.Global) *Plane {
	p := &Plane{loop: l, env: env, out: make([]byte, 0, outSize), absent: l.Absent(), askFor: askFor}
	for i := range p.limits {
		p.limits[i] = wire.Limits{MaxHead: g.BufSize - g.MaxRewrite, MaxFields: max(g.MaxHeaders-1, 1), Relaxed: i == 1}
	}
	l.KeepUpTo(g.BufSize)
	p.car = stream.Carrier{Loop: l, Env: env, Dialer: p}
	if p.shakes = env.Shakes; p.shakes == nil {
		p.shakes = loop.NewHandshakes(1)
	}
	p.lowFDs, p.highFDs = fdLimits(&g.Tuning)
	return p
}

// heads are the limits of heads, strict or not.
func (p *Plane) heads(loose bool) *wire.Limits {
	if loose {
		return &p.limits[1]
	}
	return &p.limits[0]
}

// Carrier is what the plane's streams share, for listing and ending them.
func (p *Plane) Carrier() *stream.Carrier { return &p.car }

// own makes w the owner of the output under way.
func (p *Plane) own(w writer) {
	if p.owner == w {
		return
	}
	if p.owner != nil {
		p.owner.Flush()
	}
	p.owner = w
}

// Accept takes a client connection that was just accepted.
func (p *Plane) Accept(fd int, from, to netip.AddrPort, fe *stream.Frontend) {
	fe.Arrive(p.loop.Index(), nil)
	p.Take(p.loop.Take(fd, nil), fe, p.car.NewClient(from, to, nil))
}

// Take carries a client connection that Arrive has counted. What was kept of
// it belongs to the first request.
func (p *Plane) Take(c *loop.Conn, fe *stream.Frontend, info stream.Client) {
	f := &front{p: p, fe: fe, info: info, c: c}
	c.SetHandler(f)
	f.next = p.fronts
	if p.fronts != nil {
		p.fronts.prev = f
	}
	p.fronts = f
	fe.Counters.Add(p.loop.Index(), backend.Sessions, 1)
	info.Of.Count(p.loop.Index(), backend.Sessions)
	t := &fe.Rules().Cfg.Timeouts
	f.c.SetDeadline(first(t.HTTPRequest, t.Client))
}

// first is the first timeout that is set.
func first(d ...time.Duration) time.Duration {
	for _, t := range d {
		if t > 0 {
			return t
		}
	}
	return 0
}

// SoftStop lets every connection end with its current reply, and closes the
// idle ones.
func (p *Plane) SoftStop() {
	p.soft = true
	for f := p.fronts; f != nil; {
		next := f.next
		if f.s == nil && f.began <= 0 && !f.waits() && !f.fe.Rules().Cfg.IdleCloseOnReply {
			f.quit() // of the last reply some may still have to be sent
		}
		f = next
	}
	for _, l := range p.pools {
		for l != nil && len(l.idle) > 0 {
			l.drop(0)
		}
	}
}

// Parting counts the clients of tunnels that are being closed politely; it runs
// on the loop.
func (p *Plane) Parting() int {
	n := 0
	for f := p.fronts; f != nil; f = f.next {
		if f.tunnel && f.leaving {
			n++
		}
	}
	return n
}

// Fronts counts the client connections of this loop; it runs on the loop.
func (p *Plane) Fronts() int {
	n := 0
	for f := p.fronts; f != nil; f = f.next {
		n++
	}
	return n
}
