package backend

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/balance"
	"bascule/internal/config"
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// proxy is a backend of servers s1, s2, … on ports 8001, 8002, …
func proxy(servers int, edit ...func(*config.Proxy)) *config.Proxy {
	p := &config.Proxy{Name: "be", ID: 3, Backend: true, Mode: config.ModeHTTP}
	for i := 1; i <= servers; i++ {
		p.Servers = append(p.Servers, line(i))
	}
	for _, e := range edit {
		e(p)
	}
	return p
}

func line(i int) *config.Server {
	return &config.Server{Name: fmt.Sprintf("s%d", i), ID: i, Weight: 1, Check: true, Rise: 2, Fall: 3,
		Inter: 5 * time.Second, Cookie: fmt.Sprintf("c%d", i),
		Addr: config.Address{IP: netip.MustParseAddr("127.0.0.1"), Port: 8000 + i}}
}

func cookies(p *config.Proxy) { p.Cookie = &config.Cookie{Name: "SRV", Insert: true, Indirect: true} }

func slots(n int) func(*config.Proxy) {
	return func(p *config.Proxy) {
		for _, s := range p.Servers {
			s.MaxConn = n
		}
	}
}

func byURI(consistent bool) func(*config.Proxy) {
	return func(p *config.Proxy) {
		p.Balance = config.Balance{Algorithm: config.URI, Consistent: consistent, Avalanche: consistent, URI: balance.URI{Depth: 2}}
	}
}

func byJump(p *config.Proxy) {
	p.Balance = config.Balance{Algorithm: config.URI, Jump: true, Avalanche: true, URI: balance.URI{Depth: 2}}
}

func bounded(factor int) func(*config.Proxy) {
	return func(p *config.Proxy) { p.Balance.Factor = factor }
}

func by(bal config.Balance) func(*config.Proxy) {
	return func(p *config.Proxy) { p.Balance = bal }
}

func expr(t testing.TB, text string) *rule.Expr {
	t.Helper()
	e, _, err := rule.ParseExpr([]lang.Word{{Text: text}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// running starts the backend's goroutine and ends it with the test.
func running(t *testing.T, p *config.Proxy, env Env) *Backend {
	t.Helper()
	env.Loops = max(env.Loops, 2)
	b := New(p, env)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { b.Run(ctx) }) // ends with the test
	t.Cleanup(func() { cancel(); done.Wait() })
	return b
}

// bubble runs a test in virtual time with its backend started.
func bubble(t *testing.T, p *config.Proxy, env Env, test func(t *testing.T, b *Backend)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, running(t, p, env)) })
}

func (b *Backend) must(t *testing.T, e Event) {
	t.Helper()
	if err := b.Ask(e); err != nil {
		t.Fatalf("%#v: %v", e, err)
	}
}

func order(t *testing.T, b *Backend, server string, o Order) {
	t.Helper()
	b.must(t, SetState{b.Server(server), o})
}

func check(t *testing.T, b *Backend, server string, s CheckStatus) {
	t.Helper()
	b.must(t, CheckResult{Srv: b.Server(server), Result: Result{Status: s, Code: 200}})
}

// picks is the names that n picks give; slots are given back at once.
func picks(b *Backend, n int) (names []string) {
	for range n {
		c := b.Pick(&Args{})
		if c.Srv == nil {
			names = append(names, "-")
			continue
		}
		names = append(names, c.Srv.Name)
		c.Srv.Release(0)
	}
	return names
}

// A waiter is a stream in a queue.
type waiter struct {
	mu  sync.Mutex
	got []*Server // Granted's arguments
}

func (w *waiter) Granted(s *Server, _ Position) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, s)
}

func (w *waiter) grants() []*Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got
}
