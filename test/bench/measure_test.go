package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// direct is a load against a server without a proxy between them.
func direct(t *testing.T, r row, serverBody int) *rig {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	var s *server
	l.do(func() {
		if s, err = newServer(serverBody); err == nil {
			err = l.add(s.fd, inOnly, s)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{row: r, loop: l, load: newLoad(r, s.port)}
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
		{name: "requests by the clock", conns: 8, body: 100, rate: 5000},
		{name: "different paths", conns: 8, body: 100, uris: 10},
	} {
		t.Run(r.name, func(t *testing.T) {
			before := descriptors(t)
			t.Cleanup(func() {
				if now := descriptors(t); now > before {
					t.Errorf("%d descriptors before, %d after", before, now)
				}
			})
			g := direct(t, r, r.body)
			if err := g.begin(context.Background()); err != nil {
				t.Fatal(err)
			}
			g.resume()
			for range 3 {
				if err := g.everyoneAnswered(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestAPausedLoadHasNothingOnItsWay(t *testing.T) {
	for _, r := range []row{
		{name: "small answers", conns: 64, body: 100},
		{name: "a connection per request", conns: 16, body: 100, closing: true},
		{name: "large answers", conns: 4, body: 300 << 10},
	} {
		t.Run(r.name, func(t *testing.T) {
			ctx, g := context.Background(), direct(t, r, r.body)
			if r.closing {
				g = throughHAProxy(t, r) // which closes as it is asked to
			}
			if err := g.begin(ctx); err != nil {
				t.Fatal(err)
			}
			if n := g.load.done.Load(); n != uint64(r.conns) {
				t.Errorf("%d answers before the first resume, want one on each of %d connections", n, r.conns)
			}
			for range 3 {
				g.resume()
				if err := errors.Join(g.everyoneAnswered(ctx), g.pause(ctx)); err != nil {
					t.Fatal(err)
				}
				var asked int
				g.loop.do(func() { asked = g.load.asked })
				if done := g.load.done.Load(); int(done) != asked {
					t.Errorf("%d requests, %d answers", asked, done)
				}
			}
		})
	}
}

func throughHAProxy(t *testing.T, r row) *rig {
	t.Helper()
	p, err := choose(proxies(), "haproxy", proxyName)
	if err == nil {
		err = p[0].find()
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := newRig(context.Background(), p[0], r, placing{own: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.stop)
	return g
}

func TestAWrongAnswerIsReported(t *testing.T) {
	err := direct(t, row{conns: 1, body: 100}, 99).begin(context.Background())
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
		{name: "held", conns: 200, body: 64, webSocket: true, idle: true},
		{name: "paced", conns: 4, body: 100, rate: 1000},
		{name: "hash", conns: 4, body: 100, uris: 100, balance: "uri\n    hash-type consistent", closing: true},
		{name: "large", conns: 2, body: 1 << 20, options: "    option splice-auto"},
		{name: "tls", conns: 4, body: 100, closing: true, key: rsaKey, resumed: true},
		{name: "tls-ws", conns: 4, body: 64, webSocket: true, key: ecdsaKey},
		{name: "tls-upload", conns: 2, body: 100, upload: 1 << 20, key: ecdsaKey},
	}
	before := descriptors(t)
	results, err := compare(context.Background(), plan{rounds: 1, turns: 4, slice: 100 * time.Millisecond, seconds: 1}, chosen, compared, placing{own: 1}, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 18 {
		t.Fatalf("%d results, want 18", len(results))
	}
	for _, res := range results {
		m := res.Median
		if (res.Row == "held") != (m.KiBPerConn > 0) || (res.Row == "paced") != (m.P99 > 0) || (res.Row == "h1") != (m.Logged > 0) {
			t.Errorf("%s under %s: %+v", res.Proxy, res.Row, m)
		}
		if (res.Row == "held") == (m.MicrosPerRequest > 0 && m.PerSecond > 0) {
			t.Errorf("%s under %s: %+v", res.Proxy, res.Row, m)
		}
		if want := map[string]int{"held": 1, "paced": 1}[res.Row]; len(res.Rounds) != cmp.Or(want, 4) {
			t.Errorf("%s under %s: %d rounds, want %d", res.Proxy, res.Row, len(res.Rounds), cmp.Or(want, 4))
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
	_, err := p.start(context.Background(), row{}, "0", [2]int{1, 2}, nil)
	if err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("got %v, want the program's own words", err)
	}
}
