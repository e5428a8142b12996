package sim

import (
	"crypto/tls"
	"fmt"
	"slices"
	"syscall"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A conn is one connection to a server, both ends of it: the Back of a stream
// here, what the host reads there.
type conn struct {
	w     *world
	h     *host
	srv   *backend.Server
	s     *stream.Stream // nil while idle
	try   *try           // of the request that it carries
	timer *loop.Timer
	epoch uint32
	used  int

	dialing, closed, ended bool // ended: the server's end was seen while idle
	upOK, headOK, last     bool // last: it carries no other request
	stuck                  bool
	rest                   rest
	method                 wire.Method
	rep                    wire.Reply
	out                    []part // not flushed yet
	in                     []part // came while the client was blocked
	gone, back             int64  // when the last packet arrives, there and here

	// The host's end:
	dead   bool       // it has closed
	at     *reception // the request being read or worked on
	unread []part
	unack  int // bytes on their way to it
}

// A part is a piece of a request or of a reply.
type part struct {
	kind partKind
	data string
}

type partKind byte

const (
	head partKind = iota
	data
	end
	fin
	rst
	garbage
)

// A rest says whether a short reply waits for its end.
type rest byte

const (
	unasked rest = iota
	waited
	unwaited // in vain
)

// keepIdle is how many idle connections to a server are kept.
const keepIdle = 8

// Connect gets a connection to srv, see stream.Dialer.
func (w *world) Connect(s *stream.Stream, srv *backend.Server, fresh bool) (stream.Back, stream.Way, error) {
	r := w.requestOf(s.Client())
	srv = w.divert(r, srv)
	t := w.judge.tried(r, srv, fresh)
	if !fresh {
		if c := w.kept(s, srv); c != nil {
			c.begin(s, t)
			t.reused, t.connected = true, true
			w.tell("%v goes to %s on a kept connection", r, srv.Name)
			return c, stream.Kept, nil
		}
	}
	if w.noFDs {
		t.close(ownFault)
		return nil, stream.Dialled, syscall.EMFILE
	}
	c := &conn{w: w, h: w.hosts[int(srv.Addr().Port())-port(0)], srv: srv, epoch: srv.Epoch(), dialing: true}
	c.timer = w.loop.Timer(c.expired)
	c.begin(s, t)
	w.tell("%v is dialled to %s", r, srv.Name)
	w.after(w.hop(), func() { c.h.pass(c.syn) })
	return c, stream.Dialled, nil
}

// kept is an idle connection that looks alive, as package h1 looks for one.
func (w *world) kept(s *stream.Stream, srv *backend.Server) *conn {
	if s.Reuse() == config.ReuseNever || s.Reuse() != config.ReuseAlways && s.First() {
		return nil
	}
	list := w.idle[srv]
	for len(list) > 0 {
		c := list[len(list)-1]
		list = list[:len(list)-1]
		w.idle[srv] = list
		if c.epoch == srv.Epoch() && !c.ended {
			return c
		}
		c.close()
	}
	return nil
}

func (c *conn) begin(s *stream.Stream, t *try) {
	c.s, c.try = s, t
	c.upOK, c.headOK, c.stuck, c.rest, c.last = false, false, false, unasked, !s.KeepsServer()
}

// syn is a packet that asks the host for a connection.
func (c *conn) syn() {
	h := c.h
	refused := !h.up || h.deaf
	if !refused {
		h.conns = append(h.conns, c)
	}
	c.w.after(c.w.hop(), func() {
		h.pass(func() {
			switch {
			case c.closed || !c.dialing:
			case refused:
				c.try.close(refusal)
				s := c.leave()
				c.close()
				s.ServerFailed(stream.DialWhy(syscall.ECONNREFUSED))
			default:
				c.dialing, c.try.connected = false, true
				c.s.ServerConnected()
			}
		})
	})
}

// expired is the end of the back's deadline.
func (c *conn) expired() {
	if c.s == nil || c.closed {
		return
	}
	if c.rest == waited {
		c.rest = unwaited
		c.read()
		return
	}
	c.try.close(silence)
	c.w.tell("%v: %s is late", c.try.r, c.srv.Name)
	switch {
	case c.w.plant == losesTimeout:
		return
	case c.w.plant == silenceIsDeath && !c.dialing && !c.try.r.begun:
		c.lost(stream.Reset)
		return
	}
	c.s.ServerTimeout()
}

// SetDeadline bounds the next step of the server.
func (c *conn) SetDeadline(d time.Duration) {
	if d <= 0 {
		c.w.loop.StopTimer(c.timer)
		return
	}
	c.w.loop.SetTimer(c.timer, d)
}

// SendHead sends a request's head.
func (c *conn) SendHead(p []byte, m wire.Method, body wire.Body) {
	c.method, c.upOK = m, body == wire.BodyNone
	c.w.judge.sent(c.try)
	c.out = append(c.out, part{head, string(p)})
	if c.upOK {
		c.out = append(c.out, part{kind: end})
	}
}

// SendData passes on bytes of the request's body.
func (c *conn) SendData(p []byte) {
	if c.w.plant == endsEarly && len(c.try.r.tries) > 1 && c.w.chance(4) {
		return
	}
	c.out = append(c.out, part{data, string(p)})
}

// SendEnd ends the request's body.
func (c *conn) SendEnd([]byte) {
	c.upOK = true
	c.out = append(c.out, part{kind: end})
}

// window is how many bytes are on their way at most.
const window = 32 << 10

// Flush sends what is under way.
func (c *conn) Flush() {
	if len(c.out) == 0 || c.closed {
		return
	}
	parts, t := c.out, c.try
	c.out = nil
	n := 0
	for _, p := range parts {
		n += len(p.data)
	}
	c.unack += n
	c.stuck = c.unack > window
	c.there(func() { c.arrive(parts, n, t) })
}

// there does f when a packet of now has arrived at the host, behind those before.
func (c *conn) there(f func()) {
	d := c.inOrder(&c.gone)
	c.w.loop.SetTimer(c.w.loop.Timer(func() { c.h.pass(f) }), d)
}

// here does f when a packet of now has arrived from the host, likewise.
func (c *conn) here(f func()) {
	d := c.inOrder(&c.back)
	c.w.loop.SetTimer(c.w.loop.Timer(func() {
		c.h.pass(func() {
			if !c.closed {
				f()
			}
		})
	}), d)
}

func (c *conn) inOrder(last *int64) time.Duration {
	now := c.w.loop.Now()
	*last = max(*last+1, now+int64(c.w.hop())+c.w.Int64N(1000))
	return time.Duration(*last - now)
}

// Blocked says that the server takes no more for now.
func (c *conn) Blocked() bool { return c.stuck }

// acked is the host's word that it has n bytes.
func (c *conn) acked(n int) {
	c.here(func() {
		c.unack -= n
		if c.stuck && c.unack == 0 && c.s != nil {
			c.stuck = false
			c.s.ServerWritable()
		}
	})
}

// receive takes what came from the host.
func (c *conn) receive(parts []part) {
	c.in = append(c.in, parts...)
	if c.s == nil {
		c.ended = true
		if i := slices.Index(c.w.idle[c.srv], c); i >= 0 {
			c.w.idle[c.srv] = slices.Delete(c.w.idle[c.srv], i, i+1)
		}
		c.close()
		return
	}
	c.read()
}

// read passes on what came, as far as the client takes it.
func (c *conn) read() {
	for len(c.in) > 0 && c.s != nil && !c.s.Stopped() {
		if c.waits() {
			return
		}
		p := c.in[0]
		c.in = c.in[1:]
		c.take(p)
	}
	if c.s != nil {
		c.s.FlushFront()
	}
}

// waits says that a short reply is not passed on before it is whole, as package
// h1 does; one whose connection ends before that never was.
func (c *conn) waits() bool {
	most := int64(c.s.Holds())
	if c.in[0].kind != head || most == 0 || c.rest == unwaited || !c.upOK {
		return false
	}
	if c.rep.Parse([]byte(c.in[0].data), nil, c.method) != wire.Done || c.rep.Status < 200 ||
		c.rep.Body != wire.BodyLength || c.rep.Length == 0 || c.rep.Length+int64(c.rep.Size()) > most {
		return false
	}
	for _, p := range c.in {
		switch p.kind {
		case end:
			return false
		case fin, rst, garbage:
			c.in = []part{p}
			return false
		}
	}
	if c.rest == unasked {
		c.rest = waited
		c.s.ReplyWaits()
		c.SetDeadline(stream.MostHeld)
	}
	return true
}

func (c *conn) take(p part) {
	s := c.s
	switch p.kind {
	case head:
		if c.rep.Parse([]byte(p.data), nil, c.method) != wire.Done {
			panic("a host's head does not parse: " + p.data)
		}
		c.w.judge.headCame(c.try, c.rep.Status)
		if c.rep.Status >= 200 {
			c.headOK, c.last = true, c.last || c.rep.Close
		}
		s.ReplyHead(&c.rep)
		if c.s != nil && c.headOK && (c.rep.Body == wire.BodyNone || c.rep.Body == wire.BodyLength && c.rep.Length == 0) {
			c.replied()
		}
	case data:
		s.ReplyData([]byte(p.data))
	case end:
		c.replied()
	case fin:
		switch {
		case c.headOK && c.rep.Body == wire.BodyClose, c.headOK && c.w.plant == cutIsEnd:
			c.last = true
			c.replied()
		default:
			c.try.close(goodbye)
			c.lost(stream.Reset)
		}
	case rst:
		c.try.close(death)
		c.lost(stream.Reset)
	case garbage:
		c.try.close(nonsense)
		c.lost(stream.Garbage)
	}
}

func (c *conn) replied() {
	c.try.close(reply)
	c.s.ReplyEnd(nil)
}

// lost tells the stream that the connection is no more.
func (c *conn) lost(why stream.Why) {
	c.w.tell("%v: %s is lost: %v", c.try.r, c.srv.Name, c.try.how)
	if c.w.plant == deathIsFate && why == stream.Reset {
		why = stream.MarkedDown
	}
	s := c.leave()
	c.close()
	s.ServerLost(why)
}

// leave takes the stream away, and gives it.
func (c *conn) leave() *stream.Stream {
	s := c.s
	c.s = nil
	c.w.loop.StopTimer(c.timer)
	return s
}

// close ends the connection here; the host hears of it.
func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	c.w.loop.StopTimer(c.timer)
	c.there(func() {
		c.dead = true
		if i := slices.Index(c.h.conns, c); i >= 0 {
			c.h.conns = slices.Delete(c.h.conns, i, i+1)
		}
	})
}

// Resume goes on reading, in a turn of its own.
func (c *conn) Resume() {
	c.w.after(0, func() {
		if c.s != nil {
			c.read()
		}
	})
}

// Release keeps the connection if it can carry another request.
func (c *conn) Release() {
	wanted := c.upOK && c.headOK && !c.last && !c.stuck && len(c.in) == 0 && c.epoch == c.srv.Epoch() &&
		c.s.Reuse() != config.ReuseNever && len(c.w.idle[c.srv]) < keepIdle
	c.leave()
	if !wanted {
		c.close()
		return
	}
	c.used++
	c.w.idle[c.srv] = append(c.w.idle[c.srv], c)
}

// Abort closes at once.
func (c *conn) Abort() {
	c.try.close(abort)
	c.leave()
	c.close()
}

// Reused says that the connection had carried a request before.
func (c *conn) Reused() bool { return c.used > 0 }

// Unsent is proof that nothing of the request was taken.
func (c *conn) Unsent() bool {
	return c.try.unsent() || c.w.plant == claimsUnsent && c.try.how == death
}

// TLS is never spoken here.
func (c *conn) TLS() *tls.Conn { return nil }

// Tunnel and CloseWrite are never ordered: no request asks for a tunnel.
func (c *conn) Tunnel(bool) { panic("a tunnel that nobody asked for") }

// CloseWrite is like Tunnel.
func (c *conn) CloseWrite() { panic("the end of a tunnel that there is not") }

func (c *conn) String() string { return fmt.Sprintf("%v to %s", c.try.r, c.h.name) }
