package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// TLS on the loop. The handshake runs on a goroutine, see handshake.go; from its
// end on crypto/tls is called by the loop, over a connection that never blocks:
// what it reads comes straight from the socket, an error that calls itself
// temporary says that there is nothing for now, and is not kept by crypto/tls
// (Go 1.26, Conn.readRecord). What it writes is gathered, so that all records of
// one Send leave in one call, and what the socket does not take is held as other
// output is: an error of a write would be for good.

// A tlsSide is the TLS of a connection, and the net.Conn that crypto/tls sees.
type tlsSide struct {
	c       *Conn
	hs      *Handshakes // which count it
	tls     *tls.Conn
	in      []byte     // ciphertext that came and was not asked for yet
	lent    bool       // in is in the loop's buffer
	room    int        // for plaintext, in the read under way
	given   records    // to crypto/tls
	sealing bool       // writes are gathered in the loop's sealed
	shake   *handshake // nil: it is done
	left    any        // see Leave
	name    string     // that a server was asked for by SNI

	// Since the peer's last word, see Untaken: the plaintext that was sent, and all
	// ciphertext, in which TLS's own words are.
	said, sealed int64
}

// blocked says that there is nothing to read for now.
type blocked struct{}

func (blocked) Error() string   { return "nothing to read for now" }
func (blocked) Timeout() bool   { return false }
func (blocked) Temporary() bool { return true }

var errBlocked net.Error = blocked{}

// Read gives crypto/tls ciphertext: on the handshake's goroutine it waits for it,
// on the loop it does not.
func (s *tlsSide) Read(p []byte) (n int, err error) {
	if s.shake != nil {
		n, err = s.shake.read(p)
	} else {
		n, err = s.read(p)
	}
	s.given.pass(p[:n])
	return n, err
}

// read is Read on the loop. It gives the record under way and nothing behind it:
// crypto/tls keeps a buffer of whatever size it was given at once, for as long as the
// connection lives.
func (s *tlsSide) read(p []byte) (int, error) {
	if len(s.in) == 0 {
		if n, err := s.receive(); n == 0 {
			return 0, err
		}
	}
	n := copy(p, s.in[:s.given.rest(s.in)])
	if s.in = s.in[n:]; len(s.in) == 0 {
		s.in = nil
	}
	return n, nil
}

// leastRead is asked of the socket however little plaintext there is room for.
const leastRead = 2 << 10

// receive reads ciphertext into the loop's buffer, no more than there is room for
// as plaintext, so that seldom something is left there.
func (s *tlsSide) receive() (int, error) {
	c := s.c
	if !c.readable {
		if c.end != 0 {
			return 0, c.end.error()
		}
		return 0, errBlocked
	}
	p := c.l.opened[:min(max(s.room, leastRead), len(c.l.opened))]
	n, e := recv(int(c.fd), p, 0)
	if err := c.received(n, len(p), e); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errBlocked
	}
	s.in, s.lent = p[:n], true
	return n, nil
}

// settle copies what is left in the loop's buffer, which is the next one's now.
func (s *tlsSide) settle() {
	if s.lent && s.in != nil {
		s.in = slices.Clone(s.in)
	}
	s.lent = false
}

// Write takes ciphertext, and never fails.
func (s *tlsSide) Write(p []byte) (int, error) {
	switch {
	case s.shake != nil:
		s.shake.write(p)
	case s.sealing:
		s.c.l.sealed = append(s.c.l.sealed, p...)
	default: // an alert, or the answer to a new key, while reading
		_ = s.send(p) // sticky, and met where it counts
	}
	return len(p), nil
}

// send sends ciphertext.
func (s *tlsSide) send(p []byte) error {
	err := s.c.sendRaw(p)
	if err == nil {
		s.sealed += int64(len(p))
	}
	return err
}

// The rest of net.Conn, which crypto/tls asks for without need: who closes and
// who is late is decided by the loop.

func (s *tlsSide) Close() error                     { return nil }
func (s *tlsSide) LocalAddr() net.Addr              { return nil }
func (s *tlsSide) RemoteAddr() net.Addr             { return unnamed{} }
func (s *tlsSide) SetDeadline(time.Time) error      { return nil }
func (s *tlsSide) SetReadDeadline(time.Time) error  { return nil }
func (s *tlsSide) SetWriteDeadline(time.Time) error { return nil }

// unnamed is the peer's address for crypto/tls, which keeps sessions by it where
// the server has no name: a tls.Config's sessions are of one server.
type unnamed struct{}

func (unnamed) Network() string { return "tcp" }
func (unnamed) String() string  { return "server" } // sessions of "" are not kept

// side is the TLS of c; it must have one.
func (c *Conn) side() *tlsSide { return c.l.sides[c.fd] }

// Secure says whether the bytes of c are encrypted on their way.
func (c *Conn) Secure() bool { return c.secure }

// ServerName is what a server was asked for by SNI, "" without TLS.
func (c *Conn) ServerName() string {
	if !c.secure || c.closed {
		return ""
	}
	return c.side().name
}

// quiet reads what came on an idle connection with TLS, and says whether it was
// nothing but TLS's own: a server gives tickets and new keys when it likes. Bytes
// that nobody asked for are kept.
func (c *Conn) quiet() bool {
	var p [1]byte // not the scratch buffer: its bytes may be another connection's
	n, err := c.side().fillPlain(p[:])
	if n > 0 {
		c.keeps().in.add(&c.l.bufs, p[:n])
	}
	return n == 0 && err == nil
}

// TLS is what encrypts the bytes of c, to be asked for what was agreed on and no
// more; nil without TLS, before the handshake's end, and once c is closed.
func (c *Conn) TLS() *tls.Conn {
	if !c.secure || c.closed || c.side().shake != nil {
		return nil
	}
	return c.side().tls
}

// Leave keeps what the handshake leaves for others, Left gives it: settings of TLS
// find the side at the hello (tls.ClientHelloInfo.Conn), and whoever has the TLS of
// the connection by NetConn.
func (s *tlsSide) Leave(note any) { s.left = note }

// Left see Leave.
func (s *tlsSide) Left() any { return s.left }

// fillPlain reads what can be decrypted into p and says how much that is.
func (s *tlsSide) fillPlain(p []byte) (n int, err error) {
	c := s.c
	defer func() {
		s.settle()
		if n > 0 {
			s.said, s.sealed = 0, 0
		}
	}()
	for n < len(p) {
		s.room = len(p) - n
		k, err := s.tls.Read(p[n:])
		n += k
		switch {
		case err == nil:
			if n < len(p) { // else there may be more of the same record
				s.given.whole--
			}
			if s.given.whole <= 0 && !c.readable && s.in == nil {
				return n, nil
			}
		case errors.Is(err, errBlocked):
			s.given.whole = 0
			return n, nil
		default:
			s.over(err)
			return n, c.end.error()
		}
	}
	c.readable = true // what was decrypted and did not fit is told by no event
	return n, nil
}

// over notes the end of reading: the peer's word that it is over, the end of the
// socket, or bytes that are no TLS.
func (s *tlsSide) over(err error) {
	c := s.c
	switch {
	case c.end != 0 && c.end != eof: // the socket's own error
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		c.end = eof
	default:
		c.end, c.failed = errno(unix.EPROTO), true
	}
	c.readable, c.ended = false, true
}

// sendSealed encrypts a, then b, and sends both in one call.
func (c *Conn) sendSealed(a, b []byte) error {
	if c.closed {
		return unix.EBADF
	}
	if c.err != 0 {
		return c.err.error()
	}
	s, l := c.side(), c.l
	s.sealing = true
	var err error
	if len(a) > 0 && len(b) > 0 && len(a)+len(b) <= maxRecord {
		l.joined = append(append(l.joined[:0], a...), b...)
		a, b = l.joined, nil
	}
	for _, p := range [2][]byte{a, b} {
		if len(p) > 0 && err == nil {
			_, err = s.tls.Write(p)
		}
	}
	if err != nil { // the peer has broken the rules, or we have said that we are through
		c.err, c.failed = errno(unix.EPROTO), true
	}
	if err = s.unseal(); err == nil {
		s.said += int64(len(a) + len(b))
	}
	return err
}

// unseal sends what was gathered.
func (s *tlsSide) unseal() error {
	s.sealing = false
	l := s.c.l
	p := l.sealed
	l.sealed = l.sealed[:0]
	if len(p) == 0 {
		return s.c.err.error()
	}
	if err := s.c.err.error(); err != nil {
		return err
	}
	return s.send(p)
}

// maxRecord is the most plaintext that one record holds (RFC 8446 §5.1).
const maxRecord = 16 << 10

// sayClosed tells the peer that nothing follows (close_notify, RFC 8446 §6.1).
func (c *Conn) sayClosed() {
	s := c.side()
	if s.shake != nil || c.err != 0 || c.failed {
		return
	}
	s.sealing = true
	_ = s.tls.CloseWrite() // the second time it says nothing
	_ = s.unseal()
}
