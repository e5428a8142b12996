package logs

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bascule/test/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock that the test sets.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ns.Store(time.Date(2026, 3, 4, 5, 6, 7, 123456e3, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// run starts the hub's writer; stop ends and flushes it.
func run(t *testing.T, h *Hub) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with ctx
		h.Run(ctx)
		close(done)
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
}

func listenUDP(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestHeadersOfLines(t *testing.T) {
	for _, c := range []struct{ format, host, want string }{
		{"", "", "<134>Mar  4 05:06:07 haproxy[42]: line\n"},
		{"", "gw", "<134>Mar  4 05:06:07 gw haproxy[42]: line\n"},
		{"local", "gw", "<134>Mar  4 05:06:07 haproxy[42]: line\n"},
		{"rfc3164", "", "<134>Mar  4 05:06:07 localhost haproxy[42]: line\n"},
		{"rfc3164", "gw", "<134>Mar  4 05:06:07 gw haproxy[42]: line\n"},
		{"rfc5424", "", "<134>1 2026-03-04T05:06:07.123456+00:00 - haproxy 42 - - line\n"},
		{"rfc5424", "gw", "<134>1 2026-03-04T05:06:07.123456+00:00 gw haproxy 42 - - line\n"},
		{"priority", "gw", "<134>line\n"},
		{"short", "gw", "<6>line\n"},
		{"timed", "gw", "<6>2026-03-04T05:06:07.123456+00:00 line\n"},
		{"iso", "gw", "2026-03-04T05:06:07.123456+00:00 line\n"},
		{"raw", "gw", "line\n"},
	} {
		t.Run(c.format+" "+c.host, func(t *testing.T) {
			log := listenUDP(t)
			target := &Target{Addr: log.LocalAddr().String(), Format: c.format, Len: DefaultLen, Facility: 16, MinLevel: Debug}
			h := NewHub([]*Target{target}, 1, Options{Hostname: c.host, PID: 42, Now: newClock().now})
			run(t, h)
			h.Ring(0).Line([]*Target{target}, Info, []byte("line"))
			if got := receive(t, log); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAProxysTagStandsInItsLines(t *testing.T) {
	log := listenUDP(t)
	h := NewHub(nil, 1, Options{Tag: "process", PID: 42, Now: newClock().now})
	run(t, h)
	for format, want := range map[string]string{
		"": "<6>Mar  4 05:06:07 proxy[42]: x\n", "rfc5424": "<6>1 2026-03-04T05:06:07.123456+00:00 - proxy 42 - - x\n",
	} {
		h.Log([]*Target{{Addr: log.LocalAddr().String(), Format: format, Tag: "proxy", Len: 1024, MinLevel: Debug}}, Info, "x")
		if got := receive(t, log); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLevelsChooseTargets(t *testing.T) {
	all, important, capped := listenUDP(t), listenUDP(t), listenUDP(t)
	targets := []*Target{
		{Addr: all.LocalAddr().String(), Format: "short", Len: 1024, MinLevel: Debug},
		{Addr: important.LocalAddr().String(), Format: "short", Len: 1024, MinLevel: Err},
		{Addr: capped.LocalAddr().String(), Format: "short", Len: 1024, MinLevel: Debug, MaxLevel: Warning},
	}
	h := NewHub(targets, 1, Options{})
	run(t, h)
	h.Ring(0).Line(targets, Info, []byte("i"))
	h.Log(targets, Alert, "a")
	got := []string{receive(t, all), receive(t, all)}
	if strings.Join(got, "") != "<6>i\n<1>a\n" && strings.Join(got, "") != "<1>a\n<6>i\n" {
		t.Errorf("all got %q", got)
	}
	if got := receive(t, important); got != "<1>a\n" {
		t.Errorf("important got %q", got)
	}
	for range 2 {
		if got := receive(t, capped); got != "<6>i\n" && got != "<4>a\n" {
			t.Errorf("capped got %q", got)
		}
	}
}

func TestLongLinesAreCut(t *testing.T) {
	log := listenUDP(t)
	target := &Target{Addr: log.LocalAddr().String(), Format: "short", Len: MinLen, MinLevel: Debug}
	h := NewHub([]*Target{target}, 1, Options{})
	run(t, h)
	h.Ring(0).Line([]*Target{target}, Info, []byte(strings.Repeat("x", 500)))
	if got := receive(t, log); len(got) != MinLen || got != "<6>"+strings.Repeat("x", MinLen-4)+"\n" {
		t.Errorf("got %d bytes: %q", len(got), got)
	}
}

func TestAllLoopsLinesArriveInOrder(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const loops, lines = 3, 5000 // fits into the rings even if the writer sleeps
	target := &Target{Addr: fmt.Sprintf("fd@%d", file.Fd()), Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{target}, loops, Options{})
	stop := run(t, h)
	var wg sync.WaitGroup
	for loop := range loops {
		wg.Go(func() {
			for i := range lines {
				h.Ring(loop).Line([]*Target{target}, Info, fmt.Appendf(nil, "%d %d", loop, i))
			}
		})
	}
	for i := range 100 {
		h.Log([]*Target{target}, Notice, fmt.Sprintf("%d %d", loops, i))
	}
	wg.Wait()
	stop()
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	var next [loops + 1]int
	for line := range strings.Lines(string(data)) {
		var loop, i int
		if n, err := fmt.Sscanf(line, "%d %d\n", &loop, &i); n != 2 || err != nil || next[loop] != i {
			t.Fatalf("line %q, want number %d", line, next[loop])
		}
		next[loop]++
	}
	if want := [loops + 1]int{lines, lines, lines, 100}; next != want {
		t.Errorf("got %v lines, want %v", next, want)
	}
	if h.Dropped() != 0 {
		t.Errorf("%d dropped", h.Dropped())
	}
}

func TestAFullPipeStopsNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	log := listenUDP(t)
	pipe := &Target{Addr: fmt.Sprintf("fd@%d", w.Fd()), Format: "raw", Len: 1024, MinLevel: Debug}
	udp := &Target{Addr: log.LocalAddr().String(), Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{pipe, udp}, 1, Options{})
	run(t, h)
	line := []byte(strings.Repeat("x", 1000))
	for range 200 { // 200 KB, of which a pipe holds 64
		h.Ring(0).Line([]*Target{pipe}, Info, line)
	}
	h.Ring(0).Line([]*Target{udp}, Info, []byte("on"))
	if got := receive(t, log); got != "on\n" {
		t.Errorf("got %q", got)
	}
	until(t, func() bool { return h.Dropped() > 50 })
}

// until polls for what must become true.
func until(t *testing.T, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !what(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestARingThatIsFullDropsWholeLines(t *testing.T) {
	target := &Target{Addr: "fd@1", Format: "raw", Len: 65535, MinLevel: Debug}
	h := NewHub(nil, 1, Options{}) // nobody writes
	ring := h.Ring(0)
	line := []byte(strings.Repeat("y", 10000))
	for range 300 {
		ring.Line([]*Target{target}, Info, line)
	}
	kept := 0
	ring.drain(func(_ []*Target, _ int, _, got []byte) {
		if string(got) != string(line) {
			t.Fatal("a line changed")
		}
		kept++
	})
	if kept < 200 || kept+int(h.Dropped()) != 300 {
		t.Errorf("%d kept, %d dropped", kept, h.Dropped())
	}
	for i := range 3 * ringLines { // around the end again and again
		ring.Line([]*Target{target}, Info, fmt.Appendf(nil, "%0*d", i%700, i))
		ring.drain(func(_ []*Target, _ int, _, got []byte) {
			if want := fmt.Sprintf("%0*d", i%700, i); string(got) != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		})
	}
	for range ringLines + 5 {
		ring.Line([]*Target{target}, Info, []byte("z"))
	}
	if n := ring.drain(func([]*Target, int, []byte, []byte) {}); n != ringLines {
		t.Errorf("%d lines kept", n)
	}
}

func TestAnAbsentSocketIsFoundLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	target := &Target{Addr: path, Format: "raw", Len: 1024, MinLevel: Debug}
	now := newClock()
	h := NewHub([]*Target{target}, 1, Options{Now: now.now})
	run(t, h)
	say := func(text string) { h.Ring(0).Line([]*Target{target}, Info, []byte(text)) }
	say("lost")
	until(t, func() bool { return h.Dropped() == 1 })
	log := listenUnix(t, path)
	say("too early")
	until(t, func() bool { return h.Dropped() == 2 })
	now.advance(reopenAfter)
	say("one")
	if got := receive(t, log); got != "one\n" {
		t.Errorf("got %q", got)
	}
	log.Close() // the receiver restarts
	os.Remove(path)
	say("lost again")
	until(t, func() bool { return h.Dropped() == 3 })
	log = listenUnix(t, path)
	now.advance(reopenAfter)
	say("two")
	if got := receive(t, log); got != "two\n" {
		t.Errorf("got %q", got)
	}
}

func TestNoLineIsLostToAReceiverThatRestarted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log := listenUnix(t, path)
	target := &Target{Addr: path, Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{target}, 1, Options{Now: newClock().now}) // whose time stands still
	run(t, h)
	for _, text := range []string{"one", "two", "three"} {
		h.Ring(0).Line([]*Target{target}, Info, []byte(text))
		if got := receive(t, log); got != text+"\n" {
			t.Errorf("got %q, want %q", got, text)
		}
		log.Close()
		os.Remove(path)
		log = listenUnix(t, path)
	}
	if n := h.Dropped(); n != 0 {
		t.Errorf("%d lines dropped", n)
	}
}

func listenUnix(t *testing.T, path string) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestASlowReceiverIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listenUnix(t, path) // never read: the kernel holds about ten datagrams
	target := &Target{Addr: path, Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{target}, 1, Options{})
	run(t, h)
	for range 2000 {
		h.Ring(0).Line([]*Target{target}, Info, []byte("line"))
	}
	until(t, func() bool { return h.Dropped() > 1000 })
}

func TestAUDPReceiverThatIsAwayCostsNothing(t *testing.T) {
	addr := loopback.Address() + ":8000" // nobody listens there
	target := &Target{Addr: addr, Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{target}, 1, Options{})
	run(t, h)
	for i := range 20 {
		h.Log([]*Target{target}, Info, fmt.Sprint("lost ", i))
	}
	until(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.waiting) == 0
	})
	again, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	got := make(chan string)
	go func() { // ends with the first datagram
		got <- receive(t, again)
	}()
	for n := 0; ; n++ {
		h.Log([]*Target{target}, Info, "back")
		select {
		case line := <-got:
			if !strings.HasPrefix(line, "back") && !strings.HasPrefix(line, "lost") {
				t.Errorf("got %q", line)
			}
			return
		case <-time.After(5 * time.Millisecond):
			if n > 10_000 {
				t.Fatal("nothing arrived")
			}
		}
	}
}

func TestApplyOpensAndCloses(t *testing.T) {
	first, second := listenUDP(t), listenUDP(t)
	a := &Target{Addr: first.LocalAddr().String(), Format: "raw", Len: 1024, MinLevel: Debug}
	b := &Target{Addr: second.LocalAddr().String(), Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{a}, 1, Options{})
	before := openFiles(t)
	stop := run(t, h)
	h.Log([]*Target{a}, Info, "1")
	receive(t, first)
	for range 5 {
		h.Apply([]*Target{b})
		h.Log([]*Target{b}, Info, "2")
		receive(t, second)
		h.Apply([]*Target{a})
		h.Log([]*Target{a}, Info, "3")
		receive(t, first)
	}
	stop()
	if after := openFiles(t); after >= before+1 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestStdoutStaysOpen(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	target := &Target{Addr: fmt.Sprintf("fd@%d", w.Fd()), Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub([]*Target{target}, 1, Options{})
	stop := run(t, h)
	h.Log([]*Target{target}, Info, "flushed")
	stop()
	buf := make([]byte, 100)
	if n, err := r.Read(buf); err != nil || string(buf[:n]) != "flushed\n" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	if err := syscall.Fstat(int(w.Fd()), new(syscall.Stat_t)); err != nil {
		t.Error("the hub closed a descriptor that is not its own")
	}
}

func TestLogIsBounded(t *testing.T) {
	target := &Target{Addr: "stdout", Format: "raw", Len: 1024, MinLevel: Debug}
	h := NewHub(nil, 1, Options{}) // nobody writes
	for range maxWaiting + 10 {
		h.Log([]*Target{target}, Info, "x")
	}
	if h.Dropped() != 10 {
		t.Errorf("%d dropped", h.Dropped())
	}
	h.Log([]*Target{{MinLevel: Emerg}}, Info, "reaches nobody")
	if h.Dropped() != 10 {
		t.Error("a line that nobody wants was dropped")
	}
}

func TestLineDoesNotAllocate(t *testing.T) {
	targets := []*Target{{Addr: "stdout", MinLevel: Debug}}
	h := NewHub(nil, 1, Options{})
	ring := h.Ring(0)
	line := []byte(strings.Repeat("x", 200))
	ring.Line(targets, Info, line)
	if n := testing.AllocsPerRun(1000, func() { ring.Line(targets, Info, line) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// BenchmarkLine is a loop that formats, hands over, and a writer that sends.
func BenchmarkLine(b *testing.B) {
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	targets := []*Target{{Addr: log.LocalAddr().String(), Len: 1024, Facility: 16, MinLevel: Debug}}
	h := NewHub(targets, 1, Options{PID: 42})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }() // ends with ctx
	r, line := sampleRecord(), make([]byte, 0, 1024)
	for b.Loop() {
		line = HTTPLog().Append(line[:0], r)
		h.Ring(0).Line(targets, Info, line)
	}
	cancel()
	<-done
	b.ReportMetric(float64(h.Dropped())/float64(b.N), "dropped/op")
}

// BenchmarkWrite is the writer's part: header and sending, a line each.
func BenchmarkWrite(b *testing.B) {
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	targets := []*Target{{Addr: log.LocalAddr().String(), Len: 1024, Facility: 16, MinLevel: Debug}}
	h := NewHub(targets, 1, Options{PID: 42})
	h.header.setTime(time.Now())
	line := HTTPLog().Append(nil, sampleRecord())
	b.ReportAllocs()
	for b.Loop() {
		h.write(targets, Info, nil, line)
	}
}
