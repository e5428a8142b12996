package h1

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A back is one connection to a server.
type back struct {
	p   *Plane
	c   *loop.Conn
	srv *backend.Server
	s   *stream.Stream // nil while idle

	wait   *wait          // for a connection of another loop, while c is absent; else nil
	owner  *stream.Client // whose it is while idle; nil: anybody's
	chunks *wire.Chunks
	left   int64       // of the reply's body; before headOK the bytes of the request that were written; while idle since when
	up     wire.Frames // towards the server, if frames
	epoch  uint32      // of srv when it was dialled: a later one has another address, or was down
	used   int32       // requests before this one

	frames  bool // a WebSocket
	method  wire.Method
	stage   stage
	taken   bool // another loop gave c, which was not looked at yet
	stuck   bool // the server did not take all; a Ready is awaited
	tunnel  bool
	private bool      // only its client may use it again: NTLM and its like know connections, not requests
	spoke   bool      // the server has said something to the request
	unsent  bool      // the server took nothing of the request, whose connection was lost
	rest    rest      // whether the reply waits for its end
	upOK    bool      // the request was sent whole
	headOK  bool      // the reply's head has come
	close   bool      // the connection cannot be used again
	out     framing   // framing of the request's body
	in      wire.Body // framing of the reply's body, if headOK
}

// A stage is how far a connection to a server has come.
type stage uint8

const (
	ready      stage = iota
	dialing          // in the clear
	dialingTLS       // with TLS to follow
	greeting         // TLS is being agreed on
)

// Connect gets a connection to srv, see stream.Dialer.
func (p *Plane) Connect(s *stream.Stream, srv *backend.Server, fresh bool) (stream.Back, stream.Way, error) {
	if !fresh {
		if b := p.kept(s, srv, s.ServerName(srv)); b != nil {
			b.start(s)
			return b, stream.Kept, nil
		}
		if b := p.ask(s, srv); b != nil {
			return b, stream.Awaited, nil
		}
	}
	b := &back{p: p, srv: srv}
	if err := b.dial(); err != nil {
		return nil, stream.Dialled, err
	}
	b.start(s)
	return b, stream.Dialled, nil
}

func (b *back) dial() error {
	b.p.makeRoom()
	b.epoch = b.srv.Epoch() // before the address: should it change just now, the connection is the old one's
	c, err := b.p.loop.Dial(b.srv.Target(), b)
	if err != nil && noDescriptor(err) && b.p.dropIdle() { // there is one less now: ours to mend
		c, err = b.p.loop.Dial(b.srv.Target(), b)
	}
	if err == nil {
		b.c, b.stage = c, dialing
		if b.srv.TLS() != nil {
			b.stage = dialingTLS
		}
	}
	return err
}

func (b *back) start(s *stream.Stream) {
	b.s = s
	b.p.pool(b.srv).begin()
	b.upOK, b.headOK, b.stuck, b.spoke, b.unsent, b.rest, b.left = false, false, false, false, false, unasked, 0
	b.close = !s.KeepsServer() || b.srv.Config().SendProxy > 0
}

// Ready reads and writes what can be, see loop.Handler.
func (b *back) Ready(c *loop.Conn) {
	if b.stage != ready {
		if !b.dialed() {
			return
		}
	}
	if b.taken && b.s != nil {
		b.use()
		return
	}
	if b.s == nil {
		if !b.c.Idle() { // room for more output, after a large request, is no end
			b.idleEnds()
		}
		return
	}
	if b.stuck && c.Pending() == 0 {
		b.stuck = false
		b.s.ServerWritable()
		if b.s == nil {
			return
		}
	}
	b.read()
}

// Local is the address that the connection comes from, for the log.
func (b *back) Local() netip.AddrPort {
	if b.c == nil { // another loop is asked for one
		return netip.AddrPort{}
	}
	return b.c.Local()
}

// dialed says whether the connection is established by now.
func (b *back) dialed() bool {
	done, err := b.c.DialDone()
	switch {
	case err != nil:
		b.unreached(stream.DialWhy(err))
		return false
	case !done:
		return false
	case b.s == nil:
		b.c.Close()
		return false
	}
	b.introduce()
	if b.stage == dialingTLS {
		b.greet()
		return false
	}
	return b.connected()
}

// unreached ends a connection that did not come about.
func (b *back) unreached(why stream.Why) {
	s := b.leave()
	b.c.Close()
	if s != nil {
		s.ServerFailed(why)
	}
}

// connected lets the stream go on.
func (b *back) connected() bool {
	b.stage = ready
	b.s.ServerConnected()
	return b.s != nil
}

// introduce sends the PROXY header that names the client, if the server wants one.
func (b *back) introduce() {
	version := b.srv.Config().SendProxy
	if version == 0 {
		return
	}
	from, to := b.s.Ends()
	header := b.p.intro[:0]
	if version == 1 {
		header = wire.AppendProxyV1(header, from, to)
	} else {
		header = wire.AppendProxyV2(header, from, to)
	}
	b.p.intro = header
	_ = b.c.Send(header) // the error is sticky and met in Flush
}

// idleEnds closes an idle connection on which something happened: the server
// ended it, or sent what nobody asked for.
func (b *back) idleEnds() {
	if b.c.Ended() && b.epoch == b.srv.Epoch() {
		b.p.pool(b.srv).life.ended(b.idles(), &b.srv.IdleLimit)
	}
	if c := b.owner; c != nil {
		b.owner = nil
		if i := slices.Index(c.Own(), stream.Back(b)); i >= 0 {
			c.Take(i)
		}
	} else if l := b.p.pool(b.srv); len(l.idle) > 0 {
		if i := slices.Index(l.idle, b); i >= 0 {
			l.remove(i)
		}
	}
	b.c.Close()
}

// Expired is a server that is late, or an idle connection that nobody used.
func (b *back) Expired(*loop.Conn) {
	if b.s == nil {
		b.idleEnds()
		return
	}
	if b.rest == waited {
		b.rest = unwaited
		b.read()
		return
	}
	b.rest = late
	b.s.ServerTimeout()
}

// Broken ends the stream of a connection whose handling panicked.
func (b *back) Broken(*loop.Conn) {
	if b.p.owner == writer(b) {
		b.p.owner, b.p.out = nil, b.p.out[:0]
	}
	b.lost(stream.Reset)
}

// lost closes the connection and tells the stream.
func (b *back) lost(why stream.Why) {
	b.unsent = b.unsent || !b.headOK && b.c.Untaken(b.left)
	s := b.leave()
	b.c.Close()
	if s == nil {
		return
	}
	if b.tunnel {
		s.TunnelBroken(true)
		return
	}
	s.ServerLost(why)
}

// leave takes the stream away, and gives it.
func (b *back) leave() *stream.Stream {
	s := b.s
	if s != nil {
		b.s = nil
		b.p.pool(b.srv).end()
	}
	return s
}

// Release keeps the connection if it can carry another request, see stream.Back.
func (b *back) Release() {
	s, l := b.s, b.p.pool(b.srv)
	wanted := b.again() && (s.Reuse() != config.ReuseNever && !b.private && l.wants() || b.belongs(s) && b.give(s.Client()))
	b.leave()
	switch {
	case b.tunnel:
		b.c.CloseAfterSend() // the last bytes may still have to be sent
	case !wanted:
		b.shut()
	default:
		b.used++
		if b.owner == nil {
			l.put(b)
		}
	}
}

// again says whether another request may go over the connection.
func (b *back) again() bool {
	most := b.srv.Config().MaxReuse
	return !b.tunnel && !b.close && b.upOK && b.headOK && !b.stuck && !b.c.Ended() && !b.p.soft &&
		b.epoch == b.srv.Epoch() && (most < 0 || int(b.used) < most)
}

// belongs says whether only the client of s may use the connection again.
func (b *back) belongs(s *stream.Stream) bool {
	return b.private || s.Reuse() == config.ReuseNever
}

// shut closes the connection, by a reset if the backend has option nolinger. A
// server that was late gets one too: what the kernel still holds of the request
// would else be sent on, and executed once the cable is mended, long after the
// client was told that it was not, or another server has done it.
func (b *back) shut() {
	if b.rest == late || b.srv.Backend().Config().NoLinger {
		b.c.Reset()
		return
	}
	b.c.Close()
}

// Abort closes at once, see stream.Back. A tunnel's server is told politely
// where its frames allow it.
func (b *back) Abort() {
	s := b.leave()
	if b.tunnel && b.stage == ready && s != nil {
		b.endTunnel(s)
		return
	}
	b.shut()
}

// Failed says that the connection was reset or broke, rather than ended.
func (b *back) Failed() bool { return b.c.Failed() }

// SetDeadline bounds the next step of the server.
func (b *back) SetDeadline(d time.Duration) {
	if b.wait != nil {
		b.wait.connect = d
	}
	b.c.SetDeadline(d)
}

// Reused says that the connection had carried a request before, and nothing came
// since: a server that has begun to answer meant to keep it.
func (b *back) Reused() bool { return b.used > 0 && !b.spoke }

// TLS is that of the connection, nil without.
func (b *back) TLS() *tls.Conn { return b.c.TLS() }

// Unsent is proof that nothing of the request was taken, see stream.Back.
func (b *back) Unsent() bool { return b.unsent }
