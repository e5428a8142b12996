package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// direct runs a load against a server without a proxy between them.
func direct(t *testing.T, r row, serverBody int) *load {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(serverBody)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.add(s.fd, inOnly, s); err != nil {
		t.Fatal(err)
	}
	start, err := newStarter(l)
	if err != nil {
		t.Fatal(err)
	}
	go l.run()
	t.Cleanup(l.stop)
	ld := newLoad(r, s.port)
	start.begin(ld)
	return ld
}

func descriptors(t *testing.T) int {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

func TestTheLoadCountsAnswers(t *testing.T) {
	for _, r := range []row{
		{name: "small answers", conns: 64, body: 100},
		{name: "answers larger than one read", conns: 8, body: 300 << 10},
		{name: "web socket messages", conns: 64, body: 64, webSocket: true},
	} {
		t.Run(r.name, func(t *testing.T) {
			before := descriptors(t)
			t.Cleanup(func() {
				if now := descriptors(t); now > before {
					t.Errorf("%d descriptors before, %d after", before, now)
				}
			})
			ld := direct(t, r, r.body)
			if err := ld.waitUp(context.Background()); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(10 * time.Second)
			for enough := uint64(3 * r.conns); ld.done.Load() < enough; {
				if time.Now().After(deadline) {
					t.Fatalf("%d answers in ten seconds, want %d", ld.done.Load(), enough)
				}
			}
			if n := ld.bad.Load(); n > 0 {
				t.Errorf("%d wrong answers: %v", n, ld.what.Load())
			}
		})
	}
}

func TestAWrongAnswerIsReported(t *testing.T) {
	ld := direct(t, row{conns: 1, body: 100}, 99)
	err := ld.waitUp(context.Background())
	if err == nil || !strings.Contains(err.Error(), "99 bytes") {
		t.Errorf("got %v, want an error that names the size", err)
	}
}

func TestProxiesAreMeasuredAndLeaveNothingBehind(t *testing.T) {
	compared, err := choose(proxies(), "haproxy,nginx", proxyName)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range compared {
		if err := p.find(); err != nil {
			t.Fatal(err)
		}
	}
	chosen := []row{
		{name: "h1", conns: 4, body: 100, log: true},
		{name: "ws", conns: 4, body: 64, webSocket: true},
	}
	before := descriptors(t)
	results, err := compare(context.Background(), options{rounds: 1, seconds: 0.2}, chosen, compared, 0, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 4 {
		t.Fatalf("%d results, want 4", len(results))
	}
	for _, res := range results {
		if m := res.Median; m.MicrosPerRequest <= 0 || m.PerSecond <= 0 || (res.Row == "h1") != (m.Logged > 0) {
			t.Errorf("%s under %s: %+v", res.Proxy, res.Row, m)
		}
	}
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	if left := below(all, os.Getpid()); len(left) != 1 {
		t.Errorf("%d processes are left below this one", len(left)-1)
	}
	if now := descriptors(t); now > before {
		t.Errorf("%d descriptors before, %d after", before, now)
	}
}

func TestAProxyThatEndsAtOnceIsNamedWithWhatItSaid(t *testing.T) {
	p := &proxy{name: "broken", program: "cat", args: func(string) []string { return []string{"/no/such/file"} }, config: ""}
	_, err := p.start(context.Background(), 0, [2]int{1, 2}, nil)
	if err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("got %v, want the program's own words", err)
	}
}
