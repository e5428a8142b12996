package logs

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// collector listens for syslog over TCP.
func collector(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// ringHub runs a hub with one ring of such a size for the server; stop ends it.
func ringHub(t *testing.T, size int, server RingServer) (h *Hub, target *Target, stop func()) {
	t.Helper()
	target = &Target{Addr: "ring@r", Format: "raw", Len: 1024, MinLevel: Debug,
		Ring: &Section{Name: "r", Size: size, MaxLen: 1024, Wait: time.Minute, Servers: []RingServer{server}}}
	h = NewHub([]*Target{target}, 1, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }() // until stop
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return h, target, stop
}

func accept(t *testing.T, l net.Listener) (net.Conn, *bufio.Reader) {
	t.Helper()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(time.Minute))
	return c, bufio.NewReader(c)
}

func wantLine(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	got, err := r.ReadString('\n')
	if err != nil || got != want+"\n" {
		t.Fatalf("got %q %v, want %q", got, err, want)
	}
}

func TestARingsServerGetsEachLine(t *testing.T) {
	l := collector(t)
	h, target, stop := ringHub(t, 4096, RingServer{Name: "a", Addr: l.Addr().String()})
	h.Log([]*Target{target}, Info, "one")
	c, r := accept(t, l)
	wantLine(t, r, "one")
	h.Log([]*Target{target}, Info, "two")
	wantLine(t, r, "two")
	c.Close()
	_, r = accept(t, l) // it is connected to again
	h.Log([]*Target{target}, Info, "three")
	wantLine(t, r, "three")
	h.Log([]*Target{target}, Info, "the last")
	stop()
	wantLine(t, r, "the last")
	if _, err := r.ReadString('\n'); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

func TestARingsServerIsToldTheLengths(t *testing.T) {
	l := collector(t)
	h, target, _ := ringHub(t, 4096, RingServer{Name: "a", Addr: l.Addr().String(), OctetCount: true})
	h.Log([]*Target{target}, Info, "one")
	h.Log([]*Target{target}, Info, "and two")
	_, r := accept(t, l)
	want := "3 one7 and two"
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != want {
		t.Errorf("got %q %v, want %q", buf, err, want)
	}
}

func TestAServerThatReadsNothingStallsNobody(t *testing.T) {
	l := collector(t)
	h, target, _ := ringHub(t, 16<<10, RingServer{Name: "a", Addr: l.Addr().String()})
	c, _ := accept(t, l)
	if err := c.(*net.TCPConn).SetReadBuffer(1 << 10); err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("z", 900))
	sent := uint64(0)
	for end := time.Now().Add(time.Minute); h.Dropped() == 0; { // what sockets and ring hold is filled before
		if time.Now().After(end) {
			t.Fatal("no line was dropped")
		}
		h.Ring(0).Line([]*Target{target}, Info, line)
		sent++
		if sent%1000 == 0 { // the writer is given its turn: it is the ring behind it that is tried
			for h.Ring(0).tail.Load() < h.Ring(0).head.Load() && h.Dropped() == 0 && time.Now().Before(end) {
				time.Sleep(time.Millisecond)
			}
		}
	}
	if n := h.DroppedBy(0); n > 0 {
		t.Errorf("the loop's own ring dropped %d lines: the writer stood still", n)
	}
	for end := time.Now().Add(time.Minute); h.Ring(0).tail.Load() < h.Ring(0).head.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the writer stands still")
		}
	}
	// Whoever reads the ring meanwhile has the newest lines.
	h.Log([]*Target{target}, Info, "newest")
	r := h.Follow("r", false)
	defer r.Close()
	for !strings.Contains(string(r.Append(nil)), "newest\n") {
		if !r.Wait(t.Context()) {
			t.Fatal("the reader was not woken")
		}
	}
}

func TestAReloadKeepsTheRingAndItsConnection(t *testing.T) {
	l, other := collector(t), collector(t)
	server := RingServer{Name: "a", Addr: l.Addr().String()}
	h, target, _ := ringHub(t, 4096, server)
	h.Log([]*Target{target}, Info, "before")
	_, r := accept(t, l)
	wantLine(t, r, "before")
	next := *target
	sec := *target.Ring
	sec.Size, sec.Servers = 8192, []RingServer{server, {Name: "b", Addr: other.Addr().String()}}
	next.Ring = &sec
	h.Apply([]*Target{&next})
	_, r2 := accept(t, other)
	wantLine(t, r2, "before") // a new server has what is there
	h.Log([]*Target{&next}, Info, "behind")
	wantLine(t, r, "behind")
	wantLine(t, r2, "behind")
	h.Apply(nil)
	for _, r := range []*bufio.Reader{r, r2} {
		if _, err := r.ReadString('\n'); err != io.EOF {
			t.Errorf("a ring that is gone: %v", err)
		}
	}
	for end := time.Now().Add(time.Minute); h.Follow("r", true) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the ring is still there")
		}
	}
}
