package engine

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"bascule/internal/stream"
)

func TestSoftStopWaitsForClients(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, reloadHead+"listen fe\n    bind "+addr+"\n    server s "+serveEcho(t, "one")+"\n")
	c, err := dialChat(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	done := b.SoftStop()
	eventually(t, "nobody listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if err := c.say(); err != nil {
		t.Errorf("the tunnel did not outlive the listener: %v", err)
	}
	if got := ask(t, b.socket, "show info\n"); !strings.Contains(got, "\nStopping: 1\n") {
		t.Error("show info does not tell that the process is stopping")
	}
	select {
	case <-done:
		t.Error("stopped although a client is there")
	default:
	}
	c.conn.Close()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("does not stop although the last client has left")
	}
}

func TestHardStopAfterEndsASoftStop(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, strings.Replace(reloadHead, "global\n", "global\n    hard-stop-after 50ms\n", 1)+
		"listen fe\n    bind "+addr+"\n    server s "+serveEcho(t, "one")+"\n")
	c, err := dialChat(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	select {
	case <-b.SoftStop():
	case <-time.After(patience):
		t.Error("hard-stop-after does not end it")
	}
}

// TestASoftStopThatEndsClosesWebSockets long before hard-stop-after would cut them.
func TestASoftStopThatEndsClosesWebSockets(t *testing.T) {
	h, addr := newHall(t), freeAddr(t)
	b := run(t, strings.Replace(fmt.Sprintf(hallConfig, addr, h.addr()), "global\n", "global\n    hard-stop-after 1h\n", 1))
	clients := []*websocket.Conn{join(t, addr, "/", nil), join(t, addr, "/", nil), join(t, addr, "/", nil)}
	done := b.SoftStop()
	for _, c := range clients {
		if got := goodbye(t, c); got != websocket.StatusGoingAway {
			t.Errorf("told %d, want 1001", got)
		}
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("does not stop although the last WebSocket was closed")
	}
}

func TestPauseLeavesClientsInTheQueue(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, reloadHead+"listen fe\n    bind "+addr+"\n    server s "+serveEcho(t, "one")+"\n")
	if got := body(t, addr); got != "one" {
		t.Fatalf("got %q", got)
	}
	eventually(t, "the first client has left", func() bool { return b.env.Conns.Cur() == 0 })
	b.Pause()
	b.onLoops(func(int) {}) // the loops have read it
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b.onLoops(func(int) {})
	if n := b.env.Conns.Cur(); n != 0 {
		t.Errorf("%d connections were accepted during the pause", n)
	}
	b.Resume()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var head [12]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil || string(head[:]) != "HTTP/1.1 200" {
		t.Errorf("got %q, %v after the pause", head, err)
	}
}

func TestMaxconnHoldsClientsBack(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, reloadHead+"listen fe\n    bind "+addr+"\n    maxconn 2\n    server s "+serveEcho(t, "one")+"\n")
	var open []*chat
	for range 2 {
		c, err := dialChat(addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		open = append(open, c)
	}
	third, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if _, err := io.WriteString(third, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b.onLoops(func(int) {})
	if n := b.env.Conns.Cur(); n != 2 {
		t.Errorf("%d connections with maxconn 2", n)
	}
	open[0].conn.Close()
	if err := third.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var head [12]byte
	if _, err := io.ReadFull(third, head[:]); err != nil || string(head[:]) != "HTTP/1.1 200" {
		t.Errorf("got %q, %v once there was room", head, err)
	}
}

func TestLimitsAreDerived(t *testing.T) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	raised := func(global string) Limits {
		t.Helper()
		lim, err := raiseLimits(parse(t, dir, "global\n"+global), 2, 3, 0)
		if err != nil {
			t.Error(err)
		}
		return lim
	}
	free := raised("")
	if want := max((min(free.FDs, maxFDs)-reservedFDs-2*fdsPerLoop-3)/2, minMaxConn); free.MaxConn != want {
		t.Errorf("maxconn is %d of %d descriptors, want %d", free.MaxConn, free.FDs, want)
	}
	if set := raised("    maxconn 123\n"); set.MaxConn != 123 || set.MaxSock != 2*123+reservedFDs+2*fdsPerLoop+3 {
		t.Errorf("maxconn 123 gives %+v", set)
	}
	if few := raised("    fd-hard-limit 207\n"); few.MaxConn != (207-207/reservedShare-2*fdsPerLoop-3)/2 {
		t.Errorf("fd-hard-limit 207 gives %+v", few)
	}
	if set := raised("    maxconn 123\n    maxpipes 40\n"); set.MaxConn != 123 || set.MaxSock != 2*123+reservedFDs+2*fdsPerLoop+3+2*40 {
		t.Errorf("with maxpipes 40 the limits are %+v", set)
	}
	forced, err := raiseLimits(parse(t, dir, "global\n    maxconn 123\n"), 2, 3, 50)
	if err != nil || forced.MaxConn != 50 {
		t.Errorf("-n 50 gives %+v, %v", forced, err)
	}
	// No system allows so many to one process, whoever asks.
	short, err := raiseLimits(parse(t, dir, "global\n    ulimit-n 2000000000\n    maxconn 600000000\n"), 2, 3, 0)
	if err == nil || !strings.HasPrefix(err.Error(), "Cannot raise FD limit to 2000000000, limit is ") {
		t.Errorf("two billion descriptors give %v", err)
	}
	if short.MaxConn != short.derive(short.FDs) {
		t.Errorf("and maxconn %d, want what %d descriptors allow", short.MaxConn, short.FDs)
	}
}

func TestMaxconnFollowsTheDescriptorLimit(t *testing.T) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	e := &Engine{log: slog.New(slog.DiscardHandler), env: &stream.Env{}}
	e.limits.Store(&Limits{FDs: 2 * int(l.Cur), MaxConn: 1 << 30, fixed: 7})
	e.follow()
	if got, want := e.env.MaxConn.Load(), int64(e.limits.Load().derive(int(l.Cur))); got != want {
		t.Errorf("maxconn %d of half the descriptors, want %d", got, want)
	}
	e.limits.Store(&Limits{FDs: int(l.Cur), MaxConn: 123})
	e.follow()
	if got := e.env.MaxConn.Load(); got != 123 {
		t.Errorf("maxconn %d when they are back, want 123", got)
	}
}
