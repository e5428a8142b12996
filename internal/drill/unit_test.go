package drill

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/drill/traffic"
	"bascule/test/loopback"
)

// lockedBuffer is a bytes.Buffer that two goroutines may use.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func withTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func realRedis(t *testing.T) string {
	t.Helper()
	ip := loopback.Address()
	addr := ip + ":6379"
	cmd := exec.Command("redis-server", "--port", "6379", "--bind", ip, "--save", "", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatalf("redis-server is needed: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	within(t, "redis-server answers", func() bool { return accepts(addr) })
	return addr
}

func TestQuantilesAreExactToASixteenth(t *testing.T) {
	var l latency
	for us := 1; us <= 10_000; us++ {
		l.add(time.Duration(us) * time.Microsecond)
	}
	for _, test := range []struct {
		q    float64
		want time.Duration
	}{{0.5, 5 * time.Millisecond}, {0.99, 9900 * time.Microsecond}, {1, 10 * time.Millisecond}, {0, time.Microsecond}} {
		got := l.quantile(test.q)
		if got < test.want || got > test.want+test.want/fine+time.Microsecond {
			t.Errorf("quantile %v is %v, want %v to 1/16", test.q, got, test.want)
		}
	}
	if got := new(latency).quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing is %v, want 0", got)
	}
}

func TestEveryDurationIsBelowTheEndOfItsStep(t *testing.T) {
	for d := time.Microsecond; d < 3*time.Hour; d = d*9/8 + time.Microsecond {
		i := step(d)
		if end := upper(i); d.Truncate(time.Microsecond) >= end {
			t.Fatalf("%v is in step %d, which ends at %v", d, i, end)
		}
		if i > 0 && d.Truncate(time.Microsecond) < upper(i-1) {
			t.Fatalf("%v is in step %d, but the one before ends at %v", d, i, upper(i-1))
		}
	}
}

func TestFailuresAreJudgedByWhenTheyWereSent(t *testing.T) {
	now := time.Now()
	at := func(seconds float64) time.Time { return now.Add(time.Duration(seconds * float64(time.Second))) }
	for _, test := range []struct {
		name        string
		backend     string
		sent, ended time.Time
		want        LoadReport
	}{
		{"sent and failed before any kill: lost", APIPool, at(0), at(1), LoadReport{Lost: 1}},
		{"sent before the kill and failed after it: in flight", APIPool, at(9), at(11), LoadReport{InFlight: 1}},
		{"sent while the process was dying: in flight", APIPool, at(10.05), at(11), LoadReport{InFlight: 1}},
		{"sent after the process was gone: lost", APIPool, at(10.2), at(11), LoadReport{Lost: 1}},
		{"failed while its backend had no server: unserved", APIPool, at(21), at(22), LoadReport{Unserved: 1}},
		{"failed while another backend had no server: lost", StreamPool, at(21), at(22), LoadReport{Lost: 1}},
		{"sent after the outage: lost", APIPool, at(31), at(32), LoadReport{Lost: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tally := NewTally()
			tally.Killed("backend-api-1", at(10), at(10.1))
			tally.outages = []span{{APIPool, at(20), at(30)}}
			tally.failures = []Failure{{KindGet, test.backend, test.sent, test.ended, "503"}}
			got := tally.Report()
			if got.Lost != test.want.Lost || got.InFlight != test.want.InFlight || got.Unserved != test.want.Unserved {
				t.Errorf("lost %d, in flight %d, unserved %d; want %+v", got.Lost, got.InFlight, got.Unserved, test.want)
			}
		})
	}
}

func TestOutageEndsAndBeginsAgain(t *testing.T) {
	tally := NewTally()
	for _, on := range []bool{false, true, true, false, false, true} {
		tally.Outage(APIPool, on)
	}
	if len(tally.outages) != 2 || tally.outages[0].to.IsZero() || !tally.outages[1].to.IsZero() {
		t.Errorf("outages %+v, want one that ended and an open one", tally.outages)
	}
}

func TestFailuresBeyondTheKeptOnesAreLost(t *testing.T) {
	tally := NewTally()
	for range maxFailures + 5 {
		tally.Done(KindGet, APIPool, Reply{Sent: time.Now()}, "503")
	}
	if got := tally.Report(); got.Lost != maxFailures+5 || got.Requests != maxFailures+5 {
		t.Errorf("lost %d of %d, want %d", got.Lost, got.Requests, maxFailures+5)
	}
}

// script is a server that answers the first request of its only connection and then
// does as told.
func script(t *testing.T, then func(net.Conn)) (site Site, connections func() int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			done.Go(func() {
				defer conn.Close()
				buffer := make([]byte, 4096)
				conn.Read(buffer)
				conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Server: s\r\n\r\nok"))
				then(conn)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); done.Wait() })
	return Site{URL: "http://" + ln.Addr().String()}, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestClientNeverSendsAgainByItself(t *testing.T) {
	site, connections := script(t, func(conn net.Conn) {
		conn.Read(make([]byte, 4096)) // the second request, and then an end without an answer
	})
	client := NewClient(site)
	defer client.Close()
	if reply, err := client.Do(t.Context(), "GET", "/", ""); err != nil || reply.Server != "s" || string(reply.Body) != "ok" {
		t.Fatalf("%+v, %v", reply, err)
	}
	if _, err := client.Do(t.Context(), "GET", "/", ""); err == nil {
		t.Error("the second request succeeded, though nobody answered it")
	}
	if got := connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestClientNoticesAConnectionClosedWhileIdle(t *testing.T) {
	site, connections := script(t, func(net.Conn) {})
	client := NewClient(site)
	defer client.Close()
	for range 3 {
		if _, err := client.Do(t.Context(), "GET", "/", ""); err != nil {
			t.Fatal(err)
		}
		within(t, "the end of the connection has arrived", func() bool { return client.conn == nil || !traffic.Quiet(client.conn) })
	}
	if got := connections(); got != 3 {
		t.Errorf("%d connections, want 3", got)
	}
}

func TestClientGivesUpWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // accepts in the kernel and never answers
	ctx, cancel := withTimeout(t, 50*time.Millisecond)
	defer cancel()
	client := NewClient(Site{URL: "http://" + ln.Addr().String()})
	if _, err := client.Do(ctx, "GET", "/", ""); err == nil {
		t.Error("a request without an answer succeeded")
	}
}

func TestStatIsReadByColumnNames(t *testing.T) {
	rows, err := parseStat("# pxname,svname,scur,status,\nfe,FRONTEND,3,OPEN,\napi,a,,UP 1/3,\napi,b,2,DOWN 1/2,\n")
	if err != nil {
		t.Fatal(err)
	}
	if a := find(rows, "api", "a"); !a.Up() || a.Int("scur") != 0 {
		t.Errorf("a is %v, want UP with no sessions", a)
	}
	if b := find(rows, "api", "b"); b.Up() || b.Int("scur") != 2 {
		t.Errorf("b is %v, want not UP with 2 sessions", b)
	}
	if c := find(rows, "api", "c"); c != nil || c.Up() {
		t.Errorf("c is %v, want nothing", c)
	}
	for _, answer := range []string{"", "Unknown command.", "# pxname,svname", "# a\n\"b"} {
		if _, err := parseStat(answer); err == nil {
			t.Errorf("%q was read without an error", answer)
		}
	}
}

func TestNoticesAreTheLinesOfOneFacility(t *testing.T) {
	for _, test := range []struct {
		line, want string
		ok         bool
	}{
		{"<141>Jan  2 03:04:05 haproxy[12]: Server a/b is DOWN.\n", "Server a/b is DOWN.", true},
		{"<134>Jan  2 03:04:05 haproxy[12]: 127.0.0.1:1 a request", "", false},
		{"no syslog", "", false},
	} {
		if got, ok := notice(test.line); got != test.want || ok != test.ok {
			t.Errorf("%q: %q %v, want %q %v", test.line, got, ok, test.want, test.ok)
		}
	}
}

func TestFreePortsDiffer(t *testing.T) {
	addrs, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, addr := range addrs {
		if seen[addr] || !strings.HasPrefix(addr, "127.0.0.1:") {
			t.Errorf("%s is there twice or not on loopback", addr)
		}
		seen[addr] = true
	}
}

func TestLiveFiguresAreOfTheLastWholeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond) // the clock of the test, so that seconds are not whole
		tally := NewTally()
		for range 750 {
			time.Sleep(10 * time.Millisecond)
			tally.Done(KindGet, APIPool, Reply{Took: time.Millisecond}, "")
		}
		if got := tally.Live(); got.PerSecond < 99 || got.PerSecond > 101 || got.P50 != time.Millisecond {
			t.Errorf("%v requests a second, p50 %v; want 100 and 1 ms", got.PerSecond, got.P50)
		}
		time.Sleep(2 * windowSeconds * time.Second)
		if got := tally.Live(); got.PerSecond != 0 || got.Requests != 750 {
			t.Errorf("%v a second of %d requests; want none of 750", got.PerSecond, got.Requests)
		}
	})
}
