package h1

import (
	"crypto/tls"
	"math"
	"time"

	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A front is one client connection.
type front struct {
	p          *Plane
	c          *loop.Conn
	fe         *stream.Frontend
	s          *stream.Stream // nil between requests
	info       stream.Client
	prev, next *front

	received, sent int64
	began          int64 // first byte of the request under way; none: 0, or the end of the last reply below it
	left           int64 // of the request's body, if BodyLength
	chunks         *wire.Chunks
	down           wire.Frames // towards the client, if frames
	frames         bool        // a WebSocket
	in             wire.Body
	minor          uint8
	keep           bool // the connection carries another request after this one
	late           bool // the client was, so nobody waits for it again
	owed           bool // between requests: the client has not taken all of the last reply
	leaving        bool // the last reply is on its way; nothing more is read
	last           bool // the client has sent all that it will: a whole request, and close
	head           bool // the final reply's head was written
	tunnel         bool
	stuck          bool    // the client did not take all; a Ready is awaited
	out            framing // framing of the reply towards this client
}

// Ready reads and writes what can be, see loop.Handler.
func (f *front) Ready(c *loop.Conn) {
	switch {
	case f.s == nil:
		f.requests()
	case c.Err() != nil || c.Failed():
		if f.tunnel {
			f.s.TunnelBroken(false)
			return
		}
		f.s.ClientGone()
	case f.tunnel:
		f.unstick()
		if s := f.s; s != nil {
			s.ReadUp(f.c, &f.received)
		}
	default:
		f.unstick()
		if f.s != nil {
			f.readBody()
		}
		if f.s != nil && c.Ended() {
			f.s.ClientEnded()
		}
	}
}

func (f *front) unstick() {
	if f.stuck && f.c.Pending() == 0 {
		f.stuck = false
		f.s.ClientWritable()
	}
}

// requests reads request heads while none is under way.
func (f *front) requests() {
	for range turnRequests {
		c := f.c
		if c.Pending() > 0 {
			return // first it takes the replies that it has asked for
		}
		if f.owed {
			f.owed = false
			f.idle()
		}
		p, err := c.Fill()
		if len(p) == 0 {
			if err != nil {
				f.leave()
			}
			return
		}
		if f.began <= 0 {
			f.begin()
		}
		switch f.p.req.Parse(p, f.p.heads(f.fe.Rules().Cfg.LooseRequests)) {
		case wire.More:
			c.Keep(p)
			if err != nil {
				f.broken('C')
				return
			}
			if !c.Readable() {
				return
			}
		case wire.Bad:
			f.received = int64(len(p))
			f.p.car.BadRequest(f.fe, f.info.From, p, f.p.req.Fault())
			c.Keep(nil)
			f.refuse(400, 'P') // a head that is too large too, as HAProxy answers
			return
		case wire.Done:
			f.request(p)
			if f.s != nil && c.Ended() {
				c.Again() // the end came with the request
			}
			if f.s != nil || f.leaving || c.Closed() {
				return // what follows the last request of a connection is not read as one
			}
		}
	}
	f.c.Again()
}

// leave closes a connection whose client has ended it between requests. One
// that never said a word is logged, unless option dontlognull.
func (f *front) leave() {
	if cfg := f.fe.Rules().Cfg; f.info.Requests > 0 || cfg.DontLogNull || cfg.IgnoreProbes {
		f.close()
		return
	}
	f.received, f.sent = 0, 0
	f.p.car.Unused(f, f.fe, &f.info)
}

// begin notes the first byte of a request.
func (f *front) begin() {
	now := f.p.loop.Now()
	f.info.Idle = uint16(min((now+f.began)/int64(time.Second), math.MaxUint16))
	f.began = now
	if f.info.Requests == 0 {
		return // its time runs since the accept
	}
	t := &f.fe.Rules().Cfg.Timeouts
	f.c.SetDeadline(first(t.HTTPRequest, t.Client))
}

// request starts the stream of the head that was just parsed from p.
func (f *front) request(p []byte) {
	r := &f.p.req
	n := r.Size()
	f.received, f.sent = int64(n), 0
	f.minor, f.keep = r.Minor, !r.Close && !f.p.soft && f.fe.Rules().Cfg.Keep != 2
	f.in, f.left = r.Body, r.Length
	if r.Body == wire.BodyLength && r.Length == 0 {
		f.in = wire.BodyNone
	}
	f.last = r.Close && f.in == wire.BodyNone && !r.Upgrade && n == len(p)
	if f.last {
		f.c.Spare()
	}
	if r.Body == wire.BodyChunked {
		if f.chunks == nil {
			f.chunks = new(wire.Chunks)
		}
		f.chunks.Reset()
	}
	f.head, f.out = false, framing{}
	var lent []byte
	if n == len(p) {
		lent = f.c.Lend() // r lies in it, and something may be sent before r has gone
	} else {
		f.c.Keep(p[n:])
	}
	f.c.SetDeadline(0)
	f.p.car.Begin(f, f.fe, r, &f.info, f.began)
	f.p.loop.GiveBack(lent)
}

// refuse answers a head that cannot be read, and closes.
func (f *front) refuse(status int, who byte) {
	f.keep, f.minor, f.head, f.in, f.sent, f.last = false, 1, false, wire.BodyNone, 0, false
	f.p.car.Refuse(f, f.fe, &f.info, f.began, status, who)
}

// broken logs a client that left in the middle of its request's head.
func (f *front) broken(who byte) {
	f.received = int64(len(f.c.Kept()))
	f.refuse(400, who)
}

// Expired ends a client that is late, see loop.Handler.
func (f *front) Expired(*loop.Conn) {
	switch {
	case f.s != nil:
		f.late = true
		f.s.ClientTimeout()
	case f.began <= 0 && (f.info.Requests > 0 || f.fe.Rules().Cfg.IgnoreProbes):
		f.close() // an idle connection ends without a word
	default:
		if f.began <= 0 {
			f.began = f.info.Accepted
		}
		f.received = int64(len(f.c.Kept()))
		f.refuse(408, 'c')
	}
}

// Broken ends the stream of a connection whose handling panicked.
func (f *front) Broken(*loop.Conn) {
	if f.p.owner == writer(f) {
		f.p.owner, f.p.out = nil, f.p.out[:0]
	}
	if s := f.s; s != nil {
		s.ClientGone()
	}
	f.unlink()
}

// close ends the connection at once.
func (f *front) close() {
	f.unlink()
	f.c.Close()
}

// quit ends the connection once the client has what was written for it. It
// counts until then, so that neither maxconn nor a stop forgets it. A client
// that said it would send no more need not be listened to any longer.
func (f *front) quit() {
	f.leaving = true
	f.disown()
	switch {
	case f.c.Pending() > 0:
	case f.fe.Rules().Cfg.NoLinger:
		f.c.Reset()
		f.unlink()
		return
	case f.last && !f.c.Readable():
		f.close()
		return
	}
	f.c.CloseAfterSend()
}

// Gone is the end of quit, see loop.Leaver.
func (f *front) Gone(*loop.Conn) { f.unlink() }

// disown closes the server connections that were the client's own.
func (f *front) disown() {
	for _, b := range f.info.Disown() {
		b.Abort()
	}
}

func (f *front) unlink() {
	f.disown()
	if f.prev == nil && f.p.fronts != f {
		return
	}
	if f.prev != nil {
		f.prev.next = f.next
	} else {
		f.p.fronts = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
	f.fe.Leave(f.info.Of)
}

// Carry gives the front its stream.
func (f *front) Carry(s *stream.Stream) { f.s = s }

// SetDeadline bounds the next step of the client.
func (f *front) SetDeadline(d time.Duration) { f.c.SetDeadline(d) }

// TLS is that of the connection, see stream.Front.
func (f *front) TLS() *tls.Conn { return f.c.TLS() }

// Sent counts the bytes given to the client for this stream.
func (f *front) Sent() int64 { return f.sent }

// Received counts the bytes of the request.
func (f *front) Received() int64 { return f.received }

// Done ends the stream, see stream.Front.
func (f *front) Done(whole bool) {
	s := f.s
	f.s = nil
	switch {
	case f.tunnel:
		f.endTunnel(s, whole)
	case !whole:
		f.cut()
	case f.keep && s.BodyDone() && (f.waits() || !f.c.Ended() && !f.p.soft):
		f.rest()
	default:
		f.quit()
	}
}

// waits says that there may be another request, sent behind the last one: a
// client may shut down its side and still wait for the answer.
func (f *front) waits() bool { return f.c.Readable() || len(f.c.Kept()) > 0 }

// cut ends a reply that is not whole. A body that ends with the connection
// would look complete after an ordinary close. Else the close is a polite one:
// a reset would also destroy what the client has not yet taken of the replies
// before this one.
func (f *front) cut() {
	switch {
	case f.head && f.out.body == wire.BodyClose:
		f.unlink()
		f.c.Reset()
	case f.late:
		f.close()
	default:
		f.quit()
	}
}

// rest makes the connection ready for the next request.
func (f *front) rest() {
	f.info.Requests++
	f.began, f.stuck = -f.p.loop.Now(), false
	if f.owed = f.c.Pending() > 0; f.owed {
		f.c.SetDeadline(f.fe.Rules().Cfg.Timeouts.Client)
	} else {
		f.idle()
	}
	if len(f.c.Kept()) > 0 || f.c.Readable() {
		f.c.Again()
	}
}

// idle gives the client its time to begin another request.
func (f *front) idle() {
	t := &f.fe.Rules().Cfg.Timeouts
	f.c.SetDeadline(first(t.HTTPKeepAlive, t.HTTPRequest, t.Client))
}

// WriteAnswer sends an answer made here, see stream.Front.
func (f *front) WriteAnswer(a *rule.Answer) {
	p := f.p
	p.own(f)
	if f.s != nil && !f.s.BodyDone() {
		f.keep = false
	}
	p.out = appendAnswer(p.out, a, f.connField())
	if !f.s.Head() {
		p.out = append(p.out, a.Body...)
	}
	f.head, f.out = true, framing{}
}

func (f *front) connField() wire.Conn {
	f.keep = f.keep && !f.p.soft
	switch {
	case !f.keep:
		return wire.ConnClose
	case f.minor == 0:
		return wire.ConnKeepAlive
	}
	return wire.ConnNone
}
