package loop

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/test/loopback"
)

// running starts a loop that the test stops at its end.
func running(t testing.TB) *Loop {
	t.Helper()
	l, err := New(0, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		l.Stop()
		wg.Wait()
	})
	return l
}

// on runs f on the loop and waits for it.
func on(l *Loop, f func()) {
	done := make(chan struct{})
	l.Post(func() {
		f()
		close(done)
	})
	<-done
}

// pair is a connection on the loop and its other end.
func pair(t testing.TB, l *Loop, h Handler) (*Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	_ = peer.SetDeadline(time.Now().Add(time.Minute))
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := in.(*net.TCPConn).File()
	_ = in.Close()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(raw.Fd()))
	_ = raw.Close()
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.SetNonblock(fd, true)
	var c *Conn
	on(l, func() { c, err = l.Adopt(fd, h) })
	if err != nil {
		t.Fatal(err)
	}
	return c, peer
}

// handler is a Handler made of functions.
type handler struct {
	ready   func(c *Conn)
	expired func(c *Conn)
	broken  func(c *Conn)
}

func (h *handler) Ready(c *Conn) {
	if h.ready != nil {
		h.ready(c)
	}
}

func (h *handler) Expired(c *Conn) {
	if h.expired != nil {
		h.expired(c)
	}
}

func (h *handler) Broken(c *Conn) {
	if h.broken != nil {
		h.broken(c)
	}
}

func echo(c *Conn) {
	for {
		p, err := c.Fill()
		if len(p) > 0 {
			_ = c.Send(p)
			c.Keep(nil)
		}
		if err != nil {
			c.CloseAfterSend()
			return
		}
		if !c.Readable() {
			return
		}
	}
}

func TestBytesComeBackWhole(t *testing.T) {
	l := running(t)
	_, peer := pair(t, l, &handler{ready: echo})
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { // ends with the test's connection
		_, _ = peer.Write(want)
		_ = peer.(*net.TCPConn).CloseWrite()
	}()
	// The peer reads late, so that output has to wait in the loop.
	got, err := io.ReadAll(peer)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestKeptInputComesBeforeWhatFollows(t *testing.T) {
	l := running(t)
	whole := make(chan string, 1)
	_, peer := pair(t, l, &handler{ready: func(c *Conn) {
		p, _ := c.Fill()
		if len(p) < 10 {
			c.Keep(p)
			return
		}
		whole <- string(p)
		c.Keep(nil)
	}})
	for _, s := range []string{"0123", "456", "789"} {
		if _, err := io.WriteString(peer, s); err != nil {
			t.Fatal(err)
		}
		on(l, func() {})
	}
	if got := <-whole; got != "0123456789" {
		t.Errorf("got %q", got)
	}
}

func TestKeptInputIsBounded(t *testing.T) {
	l := running(t)
	full := make(chan int, 1)
	_, peer := pair(t, l, &handler{ready: func(c *Conn) {
		for c.Readable() {
			p, err := c.Fill()
			if err != nil {
				return
			}
			c.Keep(p)
			if len(p) >= maxKept {
				full <- len(p)
				c.Close()
				return
			}
		}
	}})
	_, _ = peer.Write(make([]byte, 2*maxKept))
	if n := <-full; n > 2*maxKept {
		t.Errorf("kept %d bytes", n)
	}
}

func TestAPanicClosesItsConnectionOnly(t *testing.T) {
	l := running(t)
	broken := make(chan struct{})
	_, bad := pair(t, l, &handler{ready: func(c *Conn) {
		if p, _ := c.Fill(); len(p) > 0 {
			panic("planted")
		}
	}, broken: func(*Conn) { close(broken) }})
	_, good := pair(t, l, &handler{ready: echo})
	_, _ = io.WriteString(bad, "x")
	<-broken
	if _, err := bad.Read(make([]byte, 1)); err == nil {
		t.Error("the connection whose handling panicked is still open")
	}
	_, _ = io.WriteString(good, "x")
	if _, err := io.ReadFull(good, make([]byte, 1)); err != nil {
		t.Errorf("the other connection: %v", err)
	}
	if n := l.Panics(); n != 1 {
		t.Errorf("counted %d panics, want 1", n)
	}
}

func TestADeadlineThatMovesLaterFiresOnce(t *testing.T) {
	l := running(t)
	fired := make(chan int64, 4)
	var armed int64
	c, _ := pair(t, l, &handler{expired: func(c *Conn) { fired <- c.Loop().Now() }})
	on(l, func() {
		armed = l.Now()
		c.SetDeadline(20 * time.Millisecond)
		c.SetDeadline(60 * time.Millisecond)
	})
	if at := <-fired; at-armed < int64(60*time.Millisecond) {
		t.Errorf("fired after %v", time.Duration(at-armed))
	}
	on(l, func() {
		if n := len(l.timers.heap); n != 0 {
			t.Errorf("%d timers left", n)
		}
	})
}

func TestTimersFireInOrder(t *testing.T) {
	var ts timers
	var order []int
	var all [100]Timer
	for i := range all {
		k := (i*37)%100 + 1
		all[i].f = func() { order = append(order, k) }
		ts.set(&all[i].deadline, int64(k))
	}
	for i := range all { // half move later, every fourth is stopped
		switch {
		case i%4 == 0:
			all[i].at = 0
		case i%2 == 0:
			ts.set(&all[i].deadline, all[i].at+1000)
		}
	}
	for now := int64(0); now < 2000; now++ {
		for tm := ts.next(now); tm != nil; tm = ts.next(now) {
			tm.ofTimer().f()
		}
	}
	if len(order) != 75 || len(ts.heap) != 0 {
		t.Fatalf("%d fired and %d left, want 75 and 0", len(order), len(ts.heap))
	}
	late := false
	for i, k := range order {
		if i > 0 && k < order[i-1] {
			if late {
				t.Fatalf("%d came after %d", k, order[i-1])
			}
			late = true // the moved ones begin
		}
	}
}

func TestDialTellsARefusal(t *testing.T) {
	addr := netip.MustParseAddrPort(loopback.Address() + ":8000") // nobody listens there
	l := running(t)
	result := make(chan error, 1)
	on(l, func() {
		_, err := l.Dial(&Target{Addr: addr}, &handler{ready: func(c *Conn) {
			if done, err := c.DialDone(); done || err != nil {
				c.Close()
				result <- err
			}
		}})
		if err != nil {
			result <- err
		}
	})
	if err := <-result; !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestMailFromManyGoroutinesIsReadOnce(t *testing.T) {
	l := running(t)
	var wg sync.WaitGroup
	n := 0
	for range 50 {
		wg.Go(func() {
			for range 200 {
				l.Post(func() { n++ })
			}
		})
	}
	wg.Wait()
	on(l, func() {})
	var got int
	on(l, func() { got = n })
	if got != 10000 {
		t.Errorf("%d letters read, want 10000", got)
	}
}

func TestACutReplyIsReset(t *testing.T) {
	l := running(t)
	c, peer := pair(t, l, &handler{})
	on(l, func() { _ = c.Send([]byte("half")); c.Reset() })
	_, err := io.ReadAll(peer)
	if !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the peer read %v, want a reset", err)
	}
}
