package engine

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

func TestPauseLeavesClientsInTheQueue(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, reloadHead+"listen fe\n    bind "+addr+"\n    server s "+serveEcho(t, "one")+"\n")
	if got := body(t, addr); got != "one" {
		t.Fatalf("got %q", got)
	}
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
	free := raiseLimits(parse(t, dir, "defaults\n"), 2, 3, 0)
	if want := max((min(free.FDs, maxFDs)-reservedFDs-2*fdsPerLoop-3)/2, minMaxConn); free.MaxConn != want {
		t.Errorf("maxconn is %d of %d descriptors, want %d", free.MaxConn, free.FDs, want)
	}
	set := raiseLimits(parse(t, dir, "global\n    maxconn 123\n"), 2, 3, 0)
	if set.MaxConn != 123 || set.MaxSock != 2*123+reservedFDs+2*fdsPerLoop+3 {
		t.Errorf("maxconn 123 gives %+v", set)
	}
	if forced := raiseLimits(parse(t, dir, "global\n    maxconn 123\n"), 2, 3, 50); forced.MaxConn != 50 {
		t.Errorf("-n 50 gives %+v", forced)
	}
}
