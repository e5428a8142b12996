package tcp

import (
	"crypto/tls"
	"time"

	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A front is one client connection.
type front struct {
	p      *Plane
	c      *loop.Conn
	fe     *stream.Frontend
	s      *stream.Stream // nil once the connection is over
	info   stream.Client
	tunnel bool // the server was reached
	stuck  bool // the client did not take all; a Ready is awaited

	received, sent int64
}

// Ready reads and writes what can be, see loop.Handler. What the client sends
// before its server is reached stays in the socket.
func (f *front) Ready(c *loop.Conn) {
	switch {
	case f.s == nil:
		f.c.Close()
		return
	case c.Err() != nil || c.Failed():
		if f.tunnel {
			f.s.TunnelBroken(false)
		} else {
			f.s.ClientGone()
		}
		return
	case f.s.Inspecting():
		f.inspect()
		return
	case !f.tunnel:
		f.waiting()
		return
	}
	if f.stuck && c.Pending() == 0 {
		f.stuck = false
		f.s.ClientWritable()
	}
	if f.s != nil {
		f.Pump()
	}
}

// Pump passes on what has come from the client, see stream.Front.
func (f *front) Pump() {
	if f.s.Inspecting() {
		f.inspect()
		return
	}
	f.s.ReadUp(f.c, &f.received)
}

// waiting looks at a client that has ended before its server was reached. One
// that has said nothing wants nothing, as HAProxy sees it; what others have
// said is for the server, but with option abortonclose.
func (f *front) waiting() {
	if !f.c.Ended() {
		f.s.ClientSpoke()
		return
	}
	f.c.SetDeadline(0)
	if len(f.c.Kept()) == 0 {
		p, err := f.c.Fill()
		if f.c.Keep(p); len(p) == 0 && err != nil {
			f.s.ClientGone()
			return
		}
	}
	f.s.ClientEnded()
}

// inspect shows the content rules what has come, and keeps it.
func (f *front) inspect() {
	p, err := f.c.Fill()
	f.c.Keep(p)
	f.s.Inspected(p, err != nil)
	if f.s != nil && f.s.Inspecting() && f.c.Readable() || err != nil && !f.c.Closed() { // the end is behind it, or matters for the wait
		f.c.Again()
	}
}

// Expired ends a tunnel that nobody uses, see loop.Handler.
func (f *front) Expired(*loop.Conn) {
	if f.s != nil {
		f.s.ClientTimeout()
	}
}

// Broken ends the stream of a connection whose handling panicked.
func (f *front) Broken(*loop.Conn) {
	if f.s != nil {
		f.s.ClientGone()
	}
}

// Carry gives the front its stream.
func (f *front) Carry(s *stream.Stream) { f.s = s }

// WriteData takes bytes for the client.
func (f *front) WriteData(p []byte) {
	f.sent += int64(len(p))
	_ = f.c.Send(p) // the error is sticky and met in Flush
}

// Splice sends the client what has come on from without copying.
func (f *front) Splice(from *loop.Conn, most int64) (n int64, ok bool) {
	n, ok = f.c.Splice(from, most)
	f.sent += n
	f.Flush()
	return n, ok
}

// Flush notes what could not be sent.
func (f *front) Flush() {
	if f.c.Err() != nil {
		f.c.Again()
	}
	f.stuck = f.stuck || f.c.Pending() > 0
}

// Blocked says that the client takes no more for now.
func (f *front) Blocked() bool { return f.stuck }

// Tunnel lets bytes pass: the server was reached.
func (f *front) Tunnel(bool) {
	f.tunnel = true
	f.c.Again()
}

// TLS is that of the connection, see stream.Front.
func (f *front) TLS() *tls.Conn { return f.c.TLS() }

// CloseWrite passes on that the server has ended its direction.
func (f *front) CloseWrite() { f.c.CloseWrite() }

// Done ends the connection. What was cut in the middle is reset, so that the
// client does not take it for whole.
func (f *front) Done(whole bool) {
	f.s = nil
	if (whole || f.sent == 0) && !f.c.Closed() {
		f.c.CloseAfterSend() // it counts until it is gone, so that maxconn does not forget it
		return
	}
	f.fe.Leave(f.info.Of)
	f.c.Reset()
}

// Gone is the end of a polite close, see loop.Leaver.
func (f *front) Gone(*loop.Conn) { f.fe.Leave(f.info.Of) }

// SetDeadline bounds the client's silence.
func (f *front) SetDeadline(d time.Duration) { f.c.SetDeadline(d) }

// Sent counts the bytes given to the client.
func (f *front) Sent() int64 { return f.sent }

// Received counts the bytes that came from it.
func (f *front) Received() int64 { return f.received }

// There are no heads in mode tcp, and no answers.

func (f *front) WriteHead(*wire.Reply)    {}
func (f *front) WriteEnd([]byte)          {}
func (f *front) WriteAnswer(*rule.Answer) {}
