package tcp

import (
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
	case !f.tunnel:
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

// CloseWrite passes on that the server has ended its direction.
func (f *front) CloseWrite() { f.c.CloseWrite() }

// Done ends the connection. What was cut in the middle is reset, so that the
// client does not take it for whole.
func (f *front) Done(whole bool) {
	f.s = nil
	f.fe.Cur.Leave()
	f.p.car.Env.Conns.Leave()
	if whole || f.sent == 0 {
		f.c.CloseAfterSend()
		return
	}
	f.c.Reset()
}

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
