package listener

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/loop"
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

func tcpBind(port int) *config.Bind {
	return &config.Bind{Addr: config.Address{Text: fmt.Sprintf("127.0.0.1:%d", port), IP: netip.MustParseAddr("127.0.0.1"), Port: port}, UID: -1, GID: -1}
}

// freePort finds a port that every socket of a bind can share.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func knock(network, addr string) error {
	c, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
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
	port := freePort(t)
	path := filepath.Join(dir, "sock")
	tests := map[string]struct {
		bind          *config.Bind
		network, addr string
	}{
		"an address of its own":    {tcpBind(port), "tcp", fmt.Sprintf("127.0.0.1:%d", port)},
		"an inherited descriptor":  {&config.Bind{Addr: config.Address{Kind: config.AddrFD, FD: fd}, UID: -1, GID: -1}, "tcp", addr},
		"a path":                   {&config.Bind{Addr: config.Address{Kind: config.AddrUnix, Path: path}, Mode: 0o660, UID: -1, GID: -1}, "unix", path},
		"an abstract unix address": {&config.Bind{Addr: config.Address{Kind: config.AddrAbns, Path: dir}, UID: -1, GID: -1}, "unix", "@" + dir},
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
	_, err = Open(tcpBind(ln.Addr().(*net.TCPAddr).Port), 2, nil)
	if want := fmt.Sprintf("cannot bind %s: address already in use", ln.Addr()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDrainResetsNobody(t *testing.T) {
	ls := loops(t, 2)
	port := freePort(t)
	l, err := Open(tcpBind(port), 2, nil)
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
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
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

func TestClientsWaitWhileThereIsNoRoom(t *testing.T) {
	ls := loops(t, 1)
	port := freePort(t)
	l, err := Open(tcpBind(port), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	var full atomic.Bool
	full.Store(true)
	asked := make(chan struct{}, 1000)
	l.Serve(ls, greet(&n), func() bool {
		asked <- struct{}{}
		return !full.Load()
	})
	got := make(chan error, 1)
	go func() { got <- knock("tcp", fmt.Sprintf("127.0.0.1:%d", port)) }() // ends with its answer
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
	l, err := Open(tcpBind(freePort(t)), 1, nil)
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
