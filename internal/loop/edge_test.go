package loop

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEndingBothDirectionsIsNoFailure(t *testing.T) {
	l := running(t)
	ended := make(chan bool, 1)
	var got []byte
	c, peer := pair(t, l, &handler{ready: func(c *Conn) {
		for c.Readable() {
			p, err := c.Fill()
			got = append(got, p...)
			c.Keep(nil)
			if err != nil {
				ended <- c.Failed()
				c.Close()
				return
			}
		}
	}})
	on(l, func() { c.CloseWrite() })
	if _, err := io.ReadAll(peer); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(peer, "last")
	_ = peer.Close()
	if failed := <-ended; failed || string(got) != "last" {
		t.Errorf("got %q, failed %v", got, failed)
	}
}

func TestAClosedConnectionWritesToNobody(t *testing.T) {
	l := running(t)
	c, _ := pair(t, l, &handler{})
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	on(l, func() {
		fd := c.FD()
		c.Close()
		if err := unix.Dup2(fds[0], fd); err != nil { // the number is another's at once
			t.Error(err)
		}
		defer unix.Close(fd)
		_ = c.Send([]byte("astray"))
		_ = c.SendV([]byte("far "), []byte("astray"))
		c.CloseWrite()
		c.SetDeadline(time.Millisecond)
		if n := len(l.timers.heap); n != 0 {
			t.Errorf("a closed connection has %d timers", n)
		}
	})
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	var b [32]byte
	if n, err := unix.Read(fds[1], b[:]); err != unix.EAGAIN {
		t.Errorf("read %q, %v of a connection that was closed", b[:max(n, 0)], err)
	}
}

func TestTheEndIsToldAsOftenAsItIsAsked(t *testing.T) {
	l := running(t)
	told := make(chan struct{}, 1)
	_, peer := pair(t, l, &handler{ready: func(c *Conn) {
		p, err := c.Fill()
		c.Keep(p)
		if err == nil {
			if c.Readable() {
				c.Again()
			}
			return
		}
		if p, err = c.Fill(); string(p) != "kept" || !errors.Is(err, io.EOF) {
			t.Errorf("asked again: %q, %v", p, err)
		}
		c.Close()
		close(told)
	}})
	_, _ = io.WriteString(peer, "kept")
	_ = peer.Close()
	<-told
}

func TestALastReplyIsNotLostToAReset(t *testing.T) {
	l := running(t)
	c, peer := pair(t, l, &handler{})
	_, _ = peer.Write(make([]byte, 4096)) // nobody reads it
	_ = peer.(*net.TCPConn).CloseWrite()
	for seen := false; !seen; {
		on(l, func() { seen = c.Ended() })
	}
	on(l, func() {
		_ = c.Send([]byte("the last word"))
		c.CloseAfterSend()
	})
	if b, err := io.ReadAll(peer); err != nil || string(b) != "the last word" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestMailAfterTheEndTouchesNoDescriptor(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	l, err := New(0, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l.Stop()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup2(fds[0], l.wakefd); err != nil { // the number is in use again
		t.Fatal(err)
	}
	defer unix.Close(l.wakefd)
	l.Post(func() {})
	l.Post(func() {})
	if n, err := unix.Read(fds[1], make([]byte, 8)); err != unix.EAGAIN {
		t.Errorf("%d bytes were written, %v", n, err)
	}
}

func TestAllEventsOfATurnAreKnownBeforeTheFirstIsHandled(t *testing.T) {
	l := running(t)
	idle := make(chan bool, 2)
	var conns [2]*Conn
	look := func(other int) func(*Conn) {
		return func(c *Conn) {
			if p, _ := c.Fill(); len(p) > 0 {
				c.Keep(nil)
				idle <- conns[other].Idle()
			}
		}
	}
	var peers [2]net.Conn
	var fds [2]int
	for i := range conns {
		var c *Conn
		c, peers[i] = pair(t, l, &handler{ready: look(1 - i)})
		on(l, func() { conns[i], fds[i] = c, c.FD() })
	}
	held, hold := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(held); <-hold })
	<-held
	for _, p := range peers {
		_, _ = io.WriteString(p, "x")
	}
	for _, fd := range fds {
		arrived(t, fd)
	}
	close(hold)
	if first := <-idle; first {
		t.Error("a connection on which bytes have come looked idle to the one that was handled before it")
	}
	<-idle
}

func TestADeadlineWaitsForAPeerThatStillTakes(t *testing.T) {
	l := running(t)
	c, peer := pair(t, l, &handler{})
	var left int
	var before, after int64
	on(l, func() {
		_ = c.Send(make([]byte, 16<<20))
		c.SetDeadline(time.Minute)
		left, before = c.Pending(), c.timer.at
	})
	for n := left; n == left; { // until the peer's window opens
		if _, err := peer.Read(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		on(l, func() { n, after = c.Pending(), c.timer.at })
	}
	if after <= before {
		t.Error("the peer takes bytes and the deadline does not move")
	}
}

// leaving is a handler that hears of the end.
type leaving struct {
	handler
	gone chan struct{}
}

func (h *leaving) Gone(*Conn) { close(h.gone) }

func TestTheHandlerHearsOfTheEndOfAPoliteClose(t *testing.T) {
	l := running(t)
	h := &leaving{gone: make(chan struct{})}
	c, peer := pair(t, l, h)
	on(l, func() {
		_ = c.Send(make([]byte, 16<<20))
		c.CloseAfterSend()
	})
	select {
	case <-h.gone:
		t.Error("gone before the rest was sent")
	default:
	}
	if n, err := io.Copy(io.Discard, peer); n != 16<<20 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	_ = peer.Close()
	<-h.gone
}
