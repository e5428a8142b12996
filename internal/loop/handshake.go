package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
)

// Errors of a handshake that crypto/tls does not see.
var (
	ErrNotTLS        = errors.New("the first bytes are no TLS handshake")
	ErrPlainHTTP     = errors.New("the first bytes are an HTTP request")
	ErrHelloTooLarge = errors.New("the ClientHello is too large")
	ErrHandshakeLate = errors.New("timeout during the TLS handshake")
	// ErrHandshakeCrowded ends a handshake that gives its place to another source's.
	ErrHandshakeCrowded = errors.New("too many TLS handshakes at once")
	errBroken           = errors.New("a fault of this program")
)

// A HandshakeError is what crypto/tls ended with; TLS tells how far it had come.
type HandshakeError struct {
	TLS *tls.Conn
	err error
}

func (e *HandshakeError) Error() string { return e.err.Error() }
func (e *HandshakeError) Unwrap() error { return e.err }

// Handshakes are those of all loops. Only so many compute at once: a token is
// held while crypto/tls works, and given back while it waits for the peer, so
// that a client which is silent occupies nothing but its place.
type Handshakes struct {
	turns turns
	open  atomic.Int64
	conns atomic.Int64
	// All that began, as the one side or the other.
	served, greeted atomic.Int64
	ended           [HandshakeEnds]atomic.Int64
}

// NewHandshakes lets that many handshakes compute at once.
func NewHandshakes(computing int) *Handshakes {
	hs := &Handshakes{turns: turns{free: max(computing, 1), sources: map[netip.Addr]*source{}}}
	hs.turns.crowds = [stages]crowd{{stage: waiting, most: maxWaiting}, {stage: begun, most: maxBegun}}
	return hs
}

// Among bounds the handshakes with clients so that three quarters of this many
// connections at most are in them, if that is not too few to be worth a bound.
func (hs *Handshakes) Among(conns int) { hs.turns.among(conns) }

// Open counts the handshakes under way, without those of which nothing was computed yet.
func (hs *Handshakes) Open() int64 { return hs.open.Load() }

// Conns counts the connections that have TLS or shall have it.
func (hs *Handshakes) Conns() int64 { return hs.conns.Load() }

// Begun counts the connections of clients and to servers that began with TLS.
func (hs *Handshakes) Begun() (served, greeted int64) { return hs.served.Load(), hs.greeted.Load() }

// A handshake is the first part of a connection's life with TLS. It is the
// connection's handler meanwhile.
//
// crypto/tls cannot go on with a handshake after an error, so it is given a
// connection that blocks, and a goroutine: Read waits for what the loop feeds,
// Write posts to the loop. That also keeps the signatures off the loop.
type handshake struct {
	hs     *Handshakes
	s      *tlsSide
	client bool // ours is the client's part
	done   func(error)
	then   Handler // whose the connection was
	t      *tls.Config
	whole  bool // the goroutine was started, or will be when the turn comes
	over   bool
	became HandshakeEnd // what stop counts
	place  place        // guarded by hs.turns.mu

	mu   sync.Mutex
	fed  sync.Cond // of mu: in or end has changed
	in   []byte    // guarded by mu
	end  error     // guarded by mu; nothing is fed any more
	runs bool      // guarded by mu: the goroutine was started
	full bool      // guarded by mu: no more is read, see isFull
}

// Serve makes c speak TLS as a server does, with a client from an address, the zero
// value for others than those of IP; Greet as a client does. done is
// called on the loop at the end of the handshake, with nil if it succeeded; c is
// its caller's again from then on, with the handler that it had. After an error
// c may be read, written and closed as a connection without TLS: the alert was
// sent. A deadline of c is one of the handshake; if c is closed before the end,
// done is not called.
func (hs *Handshakes) Serve(c *Conn, from netip.Addr, t *tls.Config, done func(error)) {
	hs.served.Add(1)
	hs.turns.enter(hs.start(c, t, false, done), from)
}

// Greet see Serve.
func (hs *Handshakes) Greet(c *Conn, t *tls.Config, done func(error)) {
	hs.greeted.Add(1)
	h := hs.start(c, t, true, done)
	h.whole, h.runs = true, true
	hs.open.Add(1)
	go func() { // ends with the handshake, which ends when its connection is closed
		hs.turns.take()
		h.run()
	}()
}

func (hs *Handshakes) start(c *Conn, t *tls.Config, client bool, done func(error)) *handshake {
	s := &tlsSide{c: c, hs: hs, name: t.ServerName}
	h := &handshake{hs: hs, s: s, client: client, t: t, done: done, then: c.h}
	h.fed.L = &h.mu
	s.shake = h
	hs.conns.Add(1)
	l := c.l
	if int(c.fd) >= len(l.sides) {
		l.sides = append(l.sides, make([]*tlsSide, int(c.fd)+1-len(l.sides)+64)...)
	}
	l.sides[c.fd] = s
	if l.opened == nil {
		l.opened = make([]byte, scratchSize)
	}
	c.h = h
	c.Again()
	return h
}

// Ready takes what has come: until the ClientHello is whole it is kept, so that
// nothing is started for a client that only opens connections; then it is fed to
// the goroutine.
func (h *handshake) Ready(c *Conn) {
	for range handshakeReads {
		if h.whole && h.isFull() {
			return
		}
		p, err := c.Fill()
		if h.whole {
			h.feed(p, err)
			c.Keep(nil)
		} else if !h.hello(p, err) {
			return
		}
		if err != nil || !c.readable {
			return
		}
	}
	c.Again()
}

// handshakeReads is how often a handshake is read in one turn. A whole one, with
// a client's certificates, fits in the first.
const handshakeReads = 2

// hello waits for the ClientHello; false: there will be none.
func (h *handshake) hello(p []byte, err error) bool {
	c := h.s.c
	whole, bad := wholeHello(p)
	switch {
	case errors.Is(bad, ErrNotTLS) && isHTTP(p):
		h.finish(ErrPlainHTTP)
		return false
	case bad == nil && len(p) > maxHello:
		bad = ErrHelloTooLarge
		fallthrough
	case bad != nil:
		h.finish(bad)
		return false
	case whole:
		h.whole = true
		h.feed(p, err)
		c.Keep(nil)
		h.hs.turns.ready(h)
	case err != nil:
		if len(p) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		h.finish(err)
		return false
	default:
		c.Keep(p)
	}
	return true
}

// begin starts the goroutine, which has a token; turns.mu is held.
func (h *handshake) begin() {
	h.mu.Lock()
	h.runs = true
	h.mu.Unlock()
	h.hs.open.Add(1)
	go h.run() // ends with the handshake, which ends when its connection is closed
}

// run is the goroutine.
func (h *handshake) run() {
	err := h.compute()
	h.hs.turns.gone(h)
	h.hs.turns.give()
	h.hs.open.Add(-1)
	h.s.c.l.Post(func() { h.finish(err) })
}

// compute is the handshake, and confines a panic to it, as the loop does.
func (h *handshake) compute() (err error) {
	defer func() {
		if r := recover(); r != nil {
			l := h.s.c.l
			l.panics.Add(1)
			l.log.Error("panic in a TLS handshake; its connection is closed", "loop", l.index, "panic", r, "stack", string(debug.Stack()))
			err = errBroken
		}
	}()
	if h.client {
		h.s.tls = tls.Client(h.s, h.t)
	} else {
		h.s.tls = tls.Server(h.s, h.t)
	}
	if err = h.s.tls.Handshake(); err != nil {
		return &HandshakeError{h.s.tls, err}
	}
	return nil
}

// maxFed is how much waits for the goroutine, which reads on as it needs it.
const maxFed = 16 << 10

// isFull says that the goroutine has enough to read, or does not run yet; read asks
// for more. A client that leaves meanwhile costs no signature.
func (h *handshake) isFull() bool {
	h.mu.Lock()
	runs := h.runs
	h.full = !runs || len(h.in) >= maxFed
	full := h.full
	h.mu.Unlock()
	if !runs && h.s.c.ended {
		h.finish(io.ErrUnexpectedEOF)
	}
	return full
}

// feed gives the goroutine what came, and the end.
func (h *handshake) feed(p []byte, end error) {
	h.mu.Lock()
	h.in = append(h.in, p...)
	if h.end == nil {
		h.end = end
	}
	h.mu.Unlock()
	h.fed.Signal()
}

// read is tlsSide.Read on the goroutine.
func (h *handshake) read(p []byte) (int, error) {
	h.mu.Lock()
	if len(h.in) == 0 && h.end == nil {
		h.mu.Unlock()
		h.hs.turns.give()
		h.mu.Lock()
		for len(h.in) == 0 && h.end == nil {
			h.fed.Wait()
		}
		h.mu.Unlock()
		h.hs.turns.take()
		h.mu.Lock()
	}
	defer h.mu.Unlock()
	if len(h.in) == 0 {
		return 0, h.end
	}
	n := copy(p, h.in)
	if h.in = h.in[n:]; len(h.in) == 0 && h.full {
		h.full = false
		h.s.c.l.Post(h.s.c.Again)
	}
	return n, nil
}

// write is tlsSide.Write on the goroutine.
func (h *handshake) write(p []byte) {
	c, p := h.s.c, slices.Clone(p)
	c.l.Post(func() {
		if !h.over {
			_ = c.sendRaw(p) // sticky
		}
	})
}

// finish gives the connection back, unless it was before.
func (h *handshake) finish(err error) {
	if h.over {
		return
	}
	s := h.s
	c := s.c
	c.h = h.then
	if err != nil {
		h.became = endOf(err)
		c.dropSide()
		h.done(err)
		return
	}
	h.over, s.shake = true, nil // the goroutine has ended
	h.became = HandshakeFull
	if s.tls.ConnectionState().DidResume {
		h.became = HandshakeResumed
	}
	h.hs.ended[h.became].Add(1)
	if len(h.in) > 0 {
		s.in = h.in
	}
	c.secure = true
	c.readable = true // what came with the last flight is told by no event
	h.done(nil)
	c.Again()
}

// stop ends the goroutine, which must not touch the connection any more.
func (h *handshake) stop() {
	h.over = true
	h.hs.ended[h.became].Add(1)
	h.hs.turns.gone(h)
	if h.whole {
		h.feed(nil, net.ErrClosed)
	}
}

// Expired ends a handshake that is late, see Handler.
func (h *handshake) Expired(*Conn) { h.finish(ErrHandshakeLate) }

// Broken ends a handshake whose handling panicked, see Handler.
func (h *handshake) Broken(c *Conn) {
	if h.then != nil {
		h.then.Broken(c)
	}
}

// dropSide forgets the TLS of a connection that is closed.
func (c *Conn) dropSide() {
	l := c.l
	if int(c.fd) < len(l.sides) && l.sides[c.fd] != nil {
		s := l.sides[c.fd]
		s.hs.conns.Add(-1)
		if h := s.shake; h != nil {
			h.stop()
		}
		l.sides[c.fd] = nil
	}
}
