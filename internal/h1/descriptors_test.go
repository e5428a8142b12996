package h1_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// TestAConnectWithoutADescriptorTakesAnIdleOnes: without a descriptor left, a connect
// takes that of an idle connection to another server.
func TestAConnectWithoutADescriptorTakesAnIdleOnes(t *testing.T) {
	late, err := net.Listen("tcp", "127.0.0.1:0") // accepts once there are descriptors again
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	p := start(t, &config.Proxy{}, 1, serve(t, always(hello)), late.Addr().String())
	c, r := dial(t, p.addr)
	ask := func() { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
	ask()
	if _, err := head(r); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, len("hello"))); err != nil {
		t.Fatal(err)
	}
	srv := p.be.Servers()
	until(t, "an idle connection", func() bool { return srv[0].IdleConns.Load() == 1 })
	free := allDescriptors(t)
	ask()
	until(t, "the other server is reached", func() bool {
		return srv[1].Counters.Sum(backend.Connects) == 1 && srv[0].IdleConns.Load() == 0 || p.fe.Counters.Sum(backend.Reply5xx) > 0
	})
	free()
	_ = late.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	conn, err := late.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := head(bufio.NewReader(conn)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, hello)
	if h, err := head(r); err != nil || !strings.HasPrefix(h, "HTTP/1.1 200 ") {
		t.Errorf("got %q, %v", h, err)
	}
}

// allDescriptors opens what the process may open; the limit is lowered so that
// it is soon done.
func allDescriptors(t *testing.T) (free func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	low := before
	low.Cur = min(low.Cur, uint64(len(open)+64))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	var fds []int
	for {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	free = sync.OnceFunc(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	})
	t.Cleanup(free)
	return free
}
