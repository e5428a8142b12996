package loop

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// A taker is the peer of a connection: its socket, and what it reads and writes by,
// which is TLS where that is spoken.
type taker struct {
	t *testing.T
	net.Conn
	socket *net.TCPConn
}

// reset ends the connection without a word.
func (p *taker) reset() {
	_ = p.socket.SetLinger(0)
	_ = p.socket.Close()
}

// asking makes a connection and its peer, which speak a version of TLS, 0: none.
func asking(t *testing.T, l *Loop, version uint16) (*Conn, *taker) {
	t.Helper()
	c, raw := pair(t, l, &handler{})
	peer := &taker{t: t, Conn: raw, socket: raw.(*net.TCPConn)}
	if version == 0 {
		return c, peer
	}
	server, client := testTLS(t)
	client.MinVersion, client.MaxVersion = version, version
	done := make(chan error, 1)
	on(l, func() { NewHandshakes(1).Greet(c, client, func(err error) { done <- err }) })
	secured := tls.Server(raw, server)
	if err := secured.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	peer.Conn = secured
	return c, peer
}

// exchange lets c ask and its peer answer, as on a connection that is used again
// and again.
func exchange(t *testing.T, l *Loop, c *Conn, peer net.Conn, n int) {
	t.Helper()
	on(l, func() { _ = c.Send(make([]byte, n)) })
	if _, err := io.ReadFull(peer, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	await(t, l, func() bool {
		p, _ := c.Fill()
		c.Keep(nil)
		return len(p) == 1
	})
}

// await asks on the loop until f says so.
func await(t *testing.T, l *Loop, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var ok bool
		on(l, func() { ok = f() })
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatal("not within a minute")
		}
	}
}

func TestWhatThePeerHasNotTakenIsProven(t *testing.T) {
	const size = 300
	read := func(peer net.Conn) { _, _ = io.ReadFull(peer, make([]byte, size)) }
	tests := map[string]struct {
		before, after func(peer *taker) // the request is sent
		want          bool
	}{
		"it had closed":               {before: func(p *taker) { _ = p.Close() }, want: true},
		"it had closed the socket":    {before: func(p *taker) { _ = p.socket.Close() }, want: true},
		"it reads all and resets":     {after: func(p *taker) { read(p); p.reset() }},
		"it reads all and closes":     {after: func(p *taker) { read(p); _ = p.Close() }},
		"it reads nothing and closes": {after: func(p *taker) { arrivedAt(p.t, p.socket); _ = p.Close() }},
		"it reads a part and closes": {after: func(p *taker) {
			_, _ = p.socket.Read(make([]byte, 1))
			_ = p.socket.Close()
		}},
		"it reads all, and resets behind its last word": {after: func(p *taker) {
			read(p)
			_ = p.socket.SetLinger(0)
			_ = p.Close()
		}},
		"it had reset": {before: (*taker).reset},
	}
	for over, version := range map[string]uint16{"TCP": 0, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		for name, tt := range tests {
			t.Run(name+" over "+over, func(t *testing.T) {
				l := running(t)
				c, peer := asking(t, l, version)
				for i := range 20 {
					exchange(t, l, c, peer, 1+17*i)
				}
				if tt.before != nil {
					tt.before(peer)
					arrived(t, c.FD())
				}
				on(l, func() { _ = c.Send(make([]byte, size)) })
				if tt.after != nil {
					tt.after(peer)
				}
				await(t, l, func() bool {
					_, err := c.Fill()
					return err != nil
				})
				on(l, func() {
					if got := c.Untaken(size); got != tt.want {
						t.Errorf("got %t, want %t: end %v, error %v", got, tt.want, c.end.error(), c.Err())
					}
				})
			})
		}
	}
}

// TestWhatTLSSaysOfItselfIsNoProof lets the peer take the request and leave unread
// what TLS says behind it, as the answer to a new key.
func TestWhatTLSSaysOfItselfIsNoProof(t *testing.T) {
	l := running(t)
	c, peer := asking(t, l, tls.VersionTLS13)
	exchange(t, l, c, peer, 100)
	on(l, func() { _ = c.Send(make([]byte, 300)) })
	if _, err := io.ReadFull(peer, make([]byte, 300)); err != nil {
		t.Fatal(err)
	}
	_ = peer.Close()
	on(l, func() { _, _ = c.side().Write(make([]byte, 400)) })
	await(t, l, func() bool {
		_, err := c.Fill()
		return err != nil
	})
	on(l, func() {
		if c.Untaken(300) {
			t.Error("the request was read, and yet there is a proof")
		}
	})
}

// TestAnInterimReplyEndsTheProofOverTLS: what was sent before the peer spoke may be
// what made it speak.
func TestAnInterimReplyEndsTheProofOverTLS(t *testing.T) {
	l := running(t)
	c, peer := asking(t, l, tls.VersionTLS13)
	exchange(t, l, c, peer, 100) // the first part of the request, and 103
	_ = peer.Close()
	on(l, func() { _ = c.Send(make([]byte, 300)) })
	await(t, l, func() bool {
		_, err := c.Fill()
		return err != nil
	})
	on(l, func() {
		if c.Untaken(400) {
			t.Error("the first part was read, and yet there is a proof")
		}
		if !c.Untaken(300) {
			t.Error("the rest was not read, and there is no proof")
		}
	})
}

func TestAUnixSocketProvesNothing(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l := running(t)
	var c *Conn
	on(l, func() { c, err = l.Dial(&Target{Unix: ln.Addr().String()}, &handler{}) })
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	await(t, l, func() bool {
		done, err := c.DialDone()
		return done && err == nil
	})
	on(l, func() { _ = c.Send([]byte("request")) })
	_ = peer.Close()
	await(t, l, func() bool {
		_, err := c.Fill()
		return err != nil
	})
	on(l, func() {
		if c.Untaken(7) {
			t.Error("there is no acknowledgement, and yet a proof")
		}
	})
}
