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
	// idleFor is how long an unused server connection is kept. It is longer
	// than the pauses of a busy site and shorter than what firewalls forget.
	idleFor = 60 * time.Second
	// outSize is enough for most heads, so that the buffer seldom grows.
	outSize = 16 << 10
)

// A Plane carries the HTTP/1 connections of one loop.
type Plane struct {
	loop   *loop.Loop
	env    *stream.Env
	car    stream.Carrier
	limits wire.Limits
	req    wire.Request // the head being read; one at a time
	rep    wire.Reply
	pools  [][]*back // idle server connections by server index, newest last
	fronts *front    // all client connections
	soft   bool      // stopping: every reply is the last of its connection

	// What is being written, and whose it is: a head and a small body leave in
	// one send.
	out   []byte
	owner writer
}

// A writer is a front or a back with bytes in Plane.out.
type writer interface{ Flush() }

// New makes the plane of a loop.
func New(l *loop.Loop, env *stream.Env, g *config.Global) *Plane {
	p := &Plane{loop: l, env: env, out: make([]byte, 0, outSize)}
	p.limits = wire.Limits{MaxHead: g.BufSize - g.MaxRewrite, MaxFields: g.MaxHeaders}
	p.car = stream.Carrier{Loop: l, Env: env, Dialer: p}
	return p
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
	f := &front{p: p, fe: fe, info: stream.Client{From: from, To: to, Accepted: p.loop.Now(), Wall: p.loop.Wall()}}
	c, err := p.loop.Adopt(fd, f)
	if err != nil {
		p.env.Log.Warn("a client connection could not be registered", "error", err)
		return
	}
	f.c = c
	f.next = p.fronts
	if p.fronts != nil {
		p.fronts.prev = f
	}
	p.fronts = f
	i := p.loop.Index()
	fe.Counters.Add(i, backend.Conns, 1)
	fe.Counters.Add(i, backend.Sessions, 1)
	fe.Cur.Enter()
	p.env.Conns.Enter()
	t := &fe.Rules().Cfg.Timeouts
	c.SetDeadline(first(t.HTTPRequest, t.Client))
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
		if f.s == nil && f.began == 0 && !f.waits() {
			f.quit() // of the last reply some may still have to be sent
		}
		f = next
	}
	for i := range p.pools {
		p.closePool(i)
	}
}

// Fronts counts the client connections of this loop; it runs on the loop.
func (p *Plane) Fronts() int {
	n := 0
	for f := p.fronts; f != nil; f = f.next {
		n++
	}
	return n
}

func (p *Plane) closePool(i int) {
	for _, b := range p.pools[i] {
		b.srv.IdleConns.Add(-1)
		b.c.Close()
	}
	p.pools[i] = p.pools[i][:0]
}
