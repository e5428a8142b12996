package backend

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

func request(t testing.TB, target string) *wire.Request {
	t.Helper()
	var r wire.Request
	lim := wire.Limits{MaxHead: 15360, MaxFields: 101}
	if r.Parse([]byte("GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n"), &lim) != wire.Done {
		t.Fatalf("request %s not understood", target)
	}
	return &r
}

// mustParse is request where no test is at hand to fail.
func mustParse(target string) *wire.Request {
	var r wire.Request
	if r.Parse([]byte("GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n"), nil) != wire.Done {
		panic("request not understood: " + target)
	}
	return &r
}

func TestRoundRobinIsInOrder(t *testing.T) {
	b := New(proxy(3), Env{Loops: 2})
	if got := strings.Join(picks(b, 7), " "); got != "s1 s2 s3 s1 s2 s3 s1" {
		t.Errorf("got %s", got)
	}
}

func TestRoundRobinIsExactOverAllLoops(t *testing.T) {
	b := New(proxy(4), Env{Loops: 4})
	var all sync.WaitGroup
	for loop := range 4 {
		all.Go(func() {
			for range 1000 {
				c := b.Pick(&Args{Loop: loop})
				c.Srv.Release(loop)
			}
		})
	}
	all.Wait()
	for _, s := range b.Servers() {
		if got := s.Counters.Sum(LBTotal); got != 1000 {
			t.Errorf("%s was chosen %d times of 4000", s.Name, got)
		}
		if s.Cur.Cur() != 0 || s.Cur.Max() < 1 {
			t.Errorf("%s holds %d slots, at most %d", s.Name, s.Cur.Cur(), s.Cur.Max())
		}
	}
}

func TestPickPersistsByCookie(t *testing.T) {
	b := running(t, proxy(4, cookies), Env{})
	order(t, b, "s2", Drain)
	order(t, b, "s3", Maint)
	check(t, b, "s4", CheckL4CON)
	b.must(t, SetWeight{b.Server("s1"), "0"})
	for _, c := range []struct {
		name, cookie, srv string
		letter            PersistState
		direct            bool
	}{
		{"a server of weight 0 keeps its users", "c1", "s1", PersistValid, true},
		{"a drained server keeps its users", "c2", "s2", PersistValid, true},
		{"a server in maintenance does not", "c3", "", PersistDown, false},
		{"a server that is down does not", "c4", "", PersistDown, false},
		{"an unknown value is invalid", "c9", "", PersistInvalid, false},
		{"an empty value is invalid", "", "", PersistInvalid, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.Pick(&Args{Cookie: []byte(c.cookie)})
			name := ""
			if got.Srv != nil {
				name = got.Srv.Name
				got.Srv.Release(0)
			}
			if name != c.srv || got.Persist != c.letter || got.Direct != c.direct {
				t.Errorf("got %s %c %t, want %s %c %t", name, got.Persist, got.Direct, c.srv, c.letter, c.direct)
			}
		})
	}
	if got := b.Pick(&Args{}); got.Srv != nil || got.Full || got.Persist != PersistNone {
		t.Errorf("without a cookie nothing is left: got %+v", got)
	}
}

func TestBackendWithoutCookieHasNoPersistence(t *testing.T) {
	b := New(proxy(2), Env{})
	if c := b.Pick(&Args{Cookie: []byte("c2")}); c.Srv.Name != "s1" || c.Persist != PersistOff || c.Direct {
		t.Errorf("got %+v", c)
	}
}

func TestPickAvoidsTheServerThatFailed(t *testing.T) {
	for name, p := range map[string]*config.Proxy{
		"roundrobin": proxy(2, cookies), "leastconn": proxy(2, cookies, func(p *config.Proxy) { p.Balance.Algorithm = config.LeastConn }),
		"random": proxy(2, cookies, func(p *config.Proxy) { p.Balance = config.Balance{Algorithm: config.Random, Draws: 2} }),
		"ring":   proxy(2, cookies, byURI(true)), "map": proxy(2, cookies, byURI(false)), "jump": proxy(2, cookies, byJump),
	} {
		t.Run(name, func(t *testing.T) {
			b := New(p, Env{})
			for _, target := range []string{"/a/b", "/a/c", "/a/d", "/a/e", "/a/f"} {
				for _, avoid := range b.Servers() {
					c := b.Pick(&Args{Req: request(t, target), Avoid: FailedOnes(avoid), Cookie: []byte(avoid.Config().Cookie)})
					if c.Srv == avoid || c.Srv == nil || c.Direct || c.Persist != PersistValid {
						t.Errorf("%s avoiding %s: got %+v", target, avoid.Name, c)
					}
				}
			}
		})
	}
}

func TestOneServerIsTakenAgainWhenThereIsNoOther(t *testing.T) {
	b := New(proxy(1), Env{})
	if c := b.Pick(&Args{Avoid: FailedOnes(b.Server("s1"))}); c.Srv != b.Server("s1") {
		t.Errorf("got %+v", c)
	}
}

func TestHashKeepsAKeyOnItsServer(t *testing.T) {
	for _, consistent := range []bool{true, false} {
		b := New(proxy(3, byURI(consistent)), Env{})
		seen := map[string]bool{}
		for _, track := range strings.Fields("a b c d e f g h i j k l m n o p") {
			first := b.Pick(&Args{Req: request(t, "/hls/"+track+"/1.ts")}).Srv
			again := b.Pick(&Args{Req: request(t, "/hls/"+track+"/2.ts?x=y")}).Srv
			if first != again {
				t.Errorf("track %s on %s and on %s", track, first.Name, again.Name)
			}
			seen[first.Name] = true
		}
		if len(seen) != 3 {
			t.Errorf("consistent %t: 16 tracks use only %v", consistent, seen)
		}
	}
}

func TestSourceAndLeastConn(t *testing.T) {
	b := New(proxy(3, func(p *config.Proxy) { p.Balance = config.Balance{Algorithm: config.Source} }), Env{})
	src := netip.MustParseAddr("192.0.2.7")
	if one, two := b.Pick(&Args{Src: src}).Srv, b.Pick(&Args{Src: src}).Srv; one != two {
		t.Errorf("one address on %s and %s", one.Name, two.Name)
	}
	b = New(proxy(3, func(p *config.Proxy) { p.Balance.Algorithm = config.LeastConn }), Env{})
	for range 9 {
		b.Pick(&Args{})
	}
	for _, s := range b.Servers() {
		if s.Cur.Cur() != 3 {
			t.Errorf("%s has %d of 9 streams", s.Name, s.Cur.Cur())
		}
	}
}

func TestBackupsServeWhenNothingElseIsLeft(t *testing.T) {
	backups := func(p *config.Proxy) { p.Servers[1].Backup, p.Servers[2].Backup = true, true }
	bubble(t, proxy(3, backups), Env{}, func(t *testing.T, b *Backend) {
		if got := strings.Join(picks(b, 2), " "); got != "s1 s1" {
			t.Errorf("with s1 up: %s", got)
		}
		check(t, b, "s1", CheckL4CON)
		if got := strings.Join(picks(b, 2), " "); got != "s2 s2" {
			t.Errorf("with s1 down: %s", got)
		}
		all := *b.Config()
		all.AllBackups = true
		b.must(t, Apply{Cfg: &all})
		if got := picks(b, 4); !slices.Contains(got, "s2") || !slices.Contains(got, "s3") {
			t.Errorf("with option allbackups: %v", got)
		}
	})
}

func TestPickAllocatesNothing(t *testing.T) {
	for name, p := range map[string]*config.Proxy{
		"roundrobin": proxy(3, cookies), "limited": proxy(3, cookies, slots(10)), "ring": proxy(3, cookies, byURI(true)),
		"leastconn": proxy(3, cookies, func(p *config.Proxy) { p.Balance.Algorithm = config.LeastConn }),
		"random":    proxy(3, cookies, func(p *config.Proxy) { p.Balance = config.Balance{Algorithm: config.Random, Draws: 2} }),
		"jump":      proxy(3, cookies, byJump), "bounded": proxy(3, cookies, byURI(true), bounded(150)),
		"param": proxy(3, cookies, by(config.Balance{Algorithm: config.URLParam, Name: "id", CheckPost: true})),
		"hdr":   proxy(3, cookies, by(config.Balance{Algorithm: config.Hdr, Name: "Host", DomainOnly: true})),
		"expr":  proxy(3, cookies, by(config.Balance{Algorithm: config.HashExpr, Expr: expr(t, "src")})),
	} {
		b := New(p, Env{})
		a := &Args{Req: request(t, "/a/b/c?id=x"), Ctx: &rule.Ctx{Src: netip.MustParseAddrPort("192.0.2.1:7")}}
		cookie := []byte("c2")
		n := testing.AllocsPerRun(1000, func() {
			a.Cookie = nil
			a.Avoid.Clear()
			b.Pick(a).Srv.Release(0)
			a.Cookie = cookie
			c := b.Pick(a)
			a.Avoid.Add(c.Srv)
			c.Srv.Release(0)
			b.Pick(a).Srv.Release(0)
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for name, p := range map[string]*config.Proxy{"roundrobin": proxy(2, cookies), "limited": proxy(2, cookies, slots(100)), "ring": proxy(5, byURI(true)), "map": proxy(5, byURI(false)), "jump": proxy(5, byJump), "bounded ring": proxy(5, byURI(true), bounded(150))} {
		b.Run(name, func(b *testing.B) {
			be := New(p, Env{})
			// As many keys as the benchmark of the whole has, so that the
			// ring does not stay in the processor's nearest cache.
			reqs := make([]*wire.Request, 10_000)
			for i := range reqs {
				reqs[i] = request(b, fmt.Sprintf("/hls/track-%d/segment-%d.ts", i%100, i))
			}
			a, n := Args{}, 0
			for b.Loop() {
				if n++; n == len(reqs) {
					n = 0
				}
				a = Args{Req: reqs[n], Cookie: a.Cookie}
				be.Pick(&a).Srv.Release(0)
			}
		})
	}
}

// A request that several servers failed goes to none of them while another is
// usable, whatever the algorithm, and needs no memory for it.
func TestPickAvoidsEveryServerThatFailed(t *testing.T) {
	for name, p := range map[string]*config.Proxy{
		"roundrobin": proxy(7, cookies), "leastconn": proxy(7, cookies, func(p *config.Proxy) { p.Balance.Algorithm = config.LeastConn }),
		"random": proxy(7, cookies, func(p *config.Proxy) { p.Balance = config.Balance{Algorithm: config.Random, Draws: 2} }),
		"ring":   proxy(7, cookies, byURI(true)), "map": proxy(7, cookies, byURI(false)), "jump": proxy(7, cookies, byJump),
	} {
		t.Run(name, func(t *testing.T) {
			b := New(p, Env{})
			a := Args{Req: request(t, "/a/b"), Cookie: []byte("c3")}
			for range 7 {
				c := b.Pick(&a)
				if a.Avoid.Has(c.Srv) || c.Srv == nil {
					t.Fatalf("after %d failures: %+v", a.Avoid.Len(), c)
				}
				a.Avoid.Add(c.Srv)
				c.Srv.Release(0)
			}
			if c := b.Pick(&a); c.Srv == nil {
				t.Error("nothing was picked when all had failed")
			}
		})
	}
}

func TestASetOfFailedServersHoldsFewWithoutMemory(t *testing.T) {
	b := New(proxy(6), Env{})
	all := b.Servers()
	if n := testing.AllocsPerRun(100, func() {
		var f Failures
		for _, s := range all[:fewFailed] {
			f.Add(s)
			f.Add(s)
		}
		if f.Len() != fewFailed || !f.Has(all[0]) || f.Has(all[4]) || f.Has(nil) {
			t.Errorf("got %+v", f)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	f := FailedOnes(all...)
	for i, s := range all {
		if f.At(i) != s || !f.Has(s) {
			t.Errorf("%d is %v", i, f.At(i))
		}
	}
	f.Clear()
	if !f.Empty() || f.Has(all[0]) {
		t.Errorf("cleared: %+v", f)
	}
}
