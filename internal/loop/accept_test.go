package loop

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listening is a socket for Accept, and its address.
func listening(t *testing.T, network, addr string) (fd int, at net.Addr) {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	fd = int(f.Fd()) // which makes it block
	_ = unix.SetNonblock(fd, true)
	return fd, ln.Addr()
}

// arrived waits until there is something to read or to accept. What one end has done
// the other end's kernel may learn a little later, even on loopback: on a busy machine
// a thread of its own delivers it.
func arrived(t *testing.T, fd int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
		if n > 0 {
			return
		}
		if err != nil && err != unix.EINTR || time.Now().After(end) {
			t.Fatalf("nothing has arrived: %v", err)
		}
	}
}

// arrivedAt is arrived for the other end of a connection on a loop.
func arrivedAt(t *testing.T, peer net.Conn) {
	t.Helper()
	raw, err := peer.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { arrived(t, int(fd)) }); err != nil {
		t.Fatal(err)
	}
}

func TestAcceptTellsTheClientsAddress(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6", "unix"} {
		addr := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": t.TempDir() + "/s"}[network]
		fd, at := listening(t, network, addr)
		if _, _, err := Accept(fd); err != unix.EAGAIN {
			t.Errorf("%s: nobody is there: %v", network, err)
		}
		peer, err := net.Dial(at.Network(), at.String())
		if err != nil {
			t.Fatal(err)
		}
		arrived(t, fd)
		c, from, e := Accept(fd)
		if e != 0 {
			t.Fatal(e)
		}
		var want netip.AddrPort
		if network != "unix" {
			want = netip.MustParseAddrPort(peer.LocalAddr().String())
		}
		if from != want {
			t.Errorf("%s: from %v, want %v", network, from, want)
		}
		flags, err := unix.FcntlInt(uintptr(c), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("%s: flags %x, %v: it blocks", network, flags, err)
		}
		_ = unix.Close(c)
		_ = peer.Close()
	}
}

// taken is a connection that the loop has taken, and its other end, which has
// said something before.
func taken(t *testing.T, l *Loop, h Handler, said string) net.Conn {
	t.Helper()
	fd, at := listening(t, "tcp", "127.0.0.1:0")
	peer, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	_ = peer.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(peer, said); err != nil {
		t.Fatal(err)
	}
	arrived(t, fd)
	c, _, e := Accept(fd)
	if e != 0 {
		t.Fatal(e)
	}
	if said != "" {
		arrived(t, c)
	}
	on(l, func() { l.Take(c, h) })
	return peer
}

func TestATakenConnectionIsReadWithoutAnEvent(t *testing.T) {
	l := running(t)
	peer := taken(t, l, &handler{ready: func(c *Conn) {
		p, _ := c.Fill()
		c.Spare()
		_ = c.Send(p)
		if c.unheard { // nothing was waited for
			c.Close()
		}
	}}, "hello")
	if got, err := io.ReadAll(peer); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	on(l, func() {
		if n := l.Stats.Conns.Load(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

func TestATakenConnectionThatWaitsIsHeard(t *testing.T) {
	l := running(t)
	peer := taken(t, l, &handler{ready: echo}, "")
	if _, err := io.WriteString(peer, "later"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "later" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheEndOfASparedConnectionIsHeardAtLast(t *testing.T) {
	l := running(t)
	ended := make(chan bool, 1)
	peer := taken(t, l, &handler{ready: func(c *Conn) {
		if c.Ended() {
			ended <- true
			c.Close()
			return
		}
		_, _ = c.Fill()
		c.Spare()
	}}, "hello")
	_ = peer.Close()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the client's end is not noticed")
	}
}

func TestASparedConnectionThatIsFullIsSentOn(t *testing.T) {
	l := running(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // more than the sockets hold
	peer := taken(t, l, &handler{ready: func(c *Conn) {
		if c.Readable() {
			_, _ = c.Fill()
			c.Spare()
			_ = c.Send(want)
			c.CloseAfterSend()
		}
	}}, "hello")
	if got, err := io.ReadAll(peer); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestAConnectionThatCannotBeHeardIsEnded(t *testing.T) {
	l := running(t)
	fd, at := listening(t, "tcp", "127.0.0.1:0")
	peer, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	_ = peer.SetDeadline(time.Now().Add(time.Minute))
	arrived(t, fd)
	c, _, e := Accept(fd)
	if e != 0 {
		t.Fatal(e)
	}
	on(l, func() {
		// Who stands in epoll already cannot be added once more.
		ev := unix.EpollEvent{Events: unix.EPOLLERR, Fd: int32(c)}
		if err := unix.EpollCtl(l.epfd, unix.EPOLL_CTL_ADD, c, &ev); err != nil {
			t.Error(err)
		}
		l.Take(c, &handler{ready: echo})
	})
	if got, err := io.ReadAll(peer); len(got) > 0 || err != nil {
		t.Errorf("%q, %v; want the end", got, err)
	}
}
