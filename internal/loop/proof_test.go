package loop

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

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
		before, after func(peer *net.TCPConn) // the request is sent
		want          bool
	}{
		"it had closed": {before: func(p *net.TCPConn) { _ = p.Close() }, want: true},
		"it reads all and resets": {after: func(p *net.TCPConn) {
			read(p)
			_ = p.SetLinger(0)
			_ = p.Close()
		}},
		"it reads all and closes": {after: func(p *net.TCPConn) {
			read(p)
			_ = p.Close()
		}},
		"it reads nothing and closes": {after: func(p *net.TCPConn) { _ = p.Close() }},
		"it reads a part and closes": {after: func(p *net.TCPConn) {
			_, _ = p.Read(make([]byte, 1))
			_ = p.Close()
		}},
		"it had reset": {before: func(p *net.TCPConn) {
			_ = p.SetLinger(0)
			_ = p.Close()
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			c, conn := pair(t, l, &handler{})
			peer := conn.(*net.TCPConn)
			for i := range 20 {
				exchange(t, l, c, peer, 1+17*i)
			}
			if tt.before != nil {
				tt.before(peer)
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
