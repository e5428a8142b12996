package listener

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/loop"
	"bascule/test/loopback"
)

func loops(t *testing.T, n int) []*loop.Loop {
	t.Helper()
	var list []*loop.Loop
	var wg sync.WaitGroup
	for i := range n {
		l, err := loop.New(i, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
		wg.Go(func() {
			if err := l.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range list {
			l.Stop()
		}
		wg.Wait()
	})
	return list
}

// greet answers every connection with a letter and closes it.
func greet(n *atomic.Int64) Accept {
	return func(_ *loop.Loop, fd int, _, _ netip.AddrPort) {
		n.Add(1)
		_, _ = unix.Write(fd, []byte("x"))
		_ = unix.Close(fd)
	}
}

func bindTo(addr netip.AddrPort) *config.Bind {
	return &config.Bind{Addr: config.Address{Text: addr.String(), IP: addr.Addr(), Port: int(addr.Port())}, UID: -1, GID: -1}
}

// freeAddr is an address that nobody listens on, and that every socket of a bind can share.
func freeAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(loopback.Address()), 8000)
}

func knock(network, addr string) error {
	c, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

func TestEveryKindOfBindAccepts(t *testing.T) {
	dir := t.TempDir()
	ready, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := ready.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = ready.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	addr := ready.Addr().String()
	_ = file.Close()
	at := freeAddr()
	path := filepath.Join(dir, "sock")
	tests := map[string]struct {
		bind          *config.Bind
		network, addr string
	}{
		"an address of its own":    {bindTo(at), "tcp", at.String()},
		"an inherited descriptor":  {&config.Bind{Addr: config.Address{Kind: config.AddrFD, FD: fd}, UID: -1, GID: -1}, "tcp", addr},
		"a path":                   {&config.Bind{Addr: config.Address{Kind: config.AddrUnix, Path: path}, Mode: 0o660, UID: -1, GID: -1}, "unix", path},
		"an abstract unix address": {&config.Bind{Addr: config.Address{Kind: config.AddrAbns, Path: dir}, UID: -1, GID: -1}, "unix", "@" + dir + strings.Repeat("\x00", 107-len(dir))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ls := loops(t, 2)
			l, err := Open(tt.bind, 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			var n atomic.Int64
			l.Serve(ls, greet(&n), nil)
			for range 20 {
				if err := knock(tt.network, tt.addr); err != nil {
					t.Fatal(err)
				}
			}
			if n.Load() != 20 {
				t.Errorf("accepted %d, want 20", n.Load())
			}
			done := make(chan struct{})
			l.Pause(func() { close(done) })
			<-done
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Errorf("the socket's file: %v, %v", st, err)
	}
}

func TestASocketInUseIsAClearError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = Open(bindTo(netip.MustParseAddrPort(ln.Addr().String())), 2, nil)
	if want := fmt.Sprintf("cannot bind %s: address already in use", ln.Addr()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDrainResetsNobody(t *testing.T) {
	ls := loops(t, 2)
	at := freeAddr()
	l, err := Open(bindTo(at), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	l.Serve(ls, greet(&n), nil)
	// The loops are held up while clients queue in the kernel.
	hold := make(chan struct{})
	for _, lp := range ls {
		lp.Post(func() { <-hold })
	}
	var waiting []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		waiting = append(waiting, c)
	}
	l.Drain()
	close(hold)
	for i, c := range waiting {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

// TestDrainEndsOnASocketThatWasMadeToBlock as systemd does to what a process that it
// starts shares with this one.
func TestDrainEndsOnASocketThatWasMadeToBlock(t *testing.T) {
	ls := loops(t, 1)
	l, err := Open(bindTo(freeAddr()), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	l.Serve(ls, greet(&n), nil)
	if err := unix.SetNonblock(l.Files()[0], false); err != nil {
		t.Fatal(err)
	}
	l.Drain()
	turned := make(chan struct{})
	ls[0].Post(func() { close(turned) })
	select {
	case <-turned:
	case <-time.After(time.Minute):
		t.Fatal("the loop waits for a client")
	}
}

func TestClientsWaitWhileThereIsNoRoom(t *testing.T) {
	ls := loops(t, 1)
	at := freeAddr()
	l, err := Open(bindTo(at), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	var full atomic.Bool
	full.Store(true)
	asked := make(chan struct{}, 1000)
	l.Serve(ls, greet(&n), func(*loop.Loop) time.Duration {
		select {
		case asked <- struct{}{}:
		default: // nobody counts that far
		}
		if full.Load() {
			return RestAtLimit
		}
		return 0
	})
	got := make(chan error, 1)
	go func() { got <- knock("tcp", at.String()) }() // ends with its answer
	<-asked
	<-asked // it looks again after a rest
	if n.Load() != 0 {
		t.Error("a connection was accepted beyond the limit")
	}
	full.Store(false)
	if err := <-got; err != nil {
		t.Errorf("the client that waited: %v", err)
	}
	l.Drain()
}

func TestAPauseEndsWithItsLoops(t *testing.T) {
	lp, err := loop.New(0, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(bindTo(freeAddr()), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	l.Serve([]*loop.Loop{lp}, greet(&n), nil)
	lp.Stop()
	if err := lp.Run(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	l.Pause(func() { close(done) })
	<-done
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestDrainWaitsForRoom(t *testing.T) {
	ls := loops(t, 2)
	at := freeAddr()
	l, err := Open(bindTo(at), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	var full atomic.Bool
	full.Store(true)
	asked := make(chan struct{}, 10000)
	l.Serve(ls, greet(&n), func(*loop.Loop) time.Duration {
		select {
		case asked <- struct{}{}:
		default: // nobody counts that far
		}
		if full.Load() {
			return RestAtLimit
		}
		return 0
	})
	var waiting []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		waiting = append(waiting, c)
	}
	<-asked // it rests, and is drained meanwhile
	l.Drain()
	for range 4 {
		<-asked
	}
	full.Store(false)
	for i, c := range waiting {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

func TestFastOpenIsSetOnTheSocket(t *testing.T) {
	b := bindTo(freeAddr())
	b.TFO = true
	l, err := Open(b, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n, err := unix.GetsockoptInt(l.Files()[0], unix.IPPROTO_TCP, unix.TCP_FASTOPEN); err != nil || n == 0 {
		t.Errorf("a queue of %d, %v", n, err)
	}
}

// What a listening socket has costs accepted ones no call.
func TestAcceptedSocketsInheritOptions(t *testing.T) {
	b := bindTo(freeAddr())
	b.Socket = loop.Options{KeepAlive: true, KeepCount: 4, KeepIdle: 50 * time.Second, KeepInterval: 7 * time.Second, UserTimeout: 9 * time.Second, SendBuffer: 40000, MaxSegment: 1000}
	l, err := Open(b, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := unix.SetNonblock(l.Files()[0], false); err != nil { // so that accept waits
		t.Fatal(err)
	}
	fd, _, errno := loop.Accept(l.Files()[0])
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(fd)
	for name, o := range map[string][3]int{
		"no delay": {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}, "keep-alive": {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		"count": {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4}, "idle": {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 50},
		"interval": {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 7}, "user timeout": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 9000},
		"send buffer": {unix.SOL_SOCKET, unix.SO_SNDBUF, 80000},
	} {
		if got, err := unix.GetsockoptInt(fd, o[0], o[1]); got != o[2] || err != nil {
			t.Errorf("%s is %d (%v), want %d", name, got, err, o[2])
		}
	}
	if mss, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG); mss > 1000 || err != nil {
		t.Errorf("segments of %d bytes (%v), want at most 1000", mss, err)
	}
}

// TestAnInheritedSocketBoundsWhatWaitsInTheKernel: who opened it knows nothing of that.
func TestAnInheritedSocketBoundsWhatWaitsInTheKernel(t *testing.T) {
	ready, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	file, err := ready.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(bindTo(freeAddr()), 2, []int{fd})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); err != nil || n != unsentMost {
		t.Errorf("%d bytes may wait, %v; want %d", n, err, unsentMost)
	}
}
