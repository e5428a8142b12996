package backend

import (
	"net/netip"
	"testing"
	"time"

	"bascule/internal/config"
)

// A stream that chose before its server left and waits for it behind that
// would wait for nobody.
func TestAStreamDoesNotWaitForAServerThatHasLeft(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, b *Backend){
		"down":        func(t *testing.T, b *Backend) { b.must(t, SetHealth{b.Server("s1"), Stopped}) },
		"maintenance": func(t *testing.T, b *Backend) { order(t, b, "s1", Maint) },
		"removed": func(t *testing.T, b *Backend) {
			p := proxy(2, cookies, slots(1))
			p.Servers = p.Servers[1:]
			b.must(t, Apply{Cfg: p})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := running(t, proxy(2, cookies, slots(1)), Env{})
			first := b.Pick(&Args{Cookie: []byte("c1")})
			late := b.Pick(&Args{Cookie: []byte("c1")})
			if first.Srv == nil || !late.Full || late.Wait != first.Srv {
				t.Fatalf("chosen %v, then %v", first, late)
			}
			leave(t, b)
			w := &waiter{}
			b.Enqueue(late.Wait, w)
			if got := w.grants(); len(got) != 1 || got[0].Name != "s2" {
				t.Errorf("granted %v, want s2", got)
			}
		})
	}
}

// The result of a check that began before a reload changed the address says
// nothing about the server at its new one.
func TestACheckOfTheOldAddressDoesNotCount(t *testing.T) {
	b := running(t, proxy(1), Env{})
	srv := b.Server("s1")
	was := srv.Addr()
	p := proxy(1)
	p.Servers[0].Addr.IP = netip.MustParseAddr("127.0.0.2")
	b.must(t, Apply{Cfg: p})
	b.must(t, CheckResult{Srv: srv, At: was, Result: Result{Status: CheckL4CON}})
	if st := srv.State(); st.Op != Running {
		t.Errorf("%s by a check of the address before", st.Status())
	}
	b.must(t, CheckResult{Srv: srv, At: srv.Addr(), Result: Result{Status: CheckL4CON}})
	if st := srv.State(); st.Op != Stopped {
		t.Errorf("%s by a check of the address now", st.Status())
	}
}

func TestManyServersAreWeighedWithoutAllocating(t *testing.T) {
	for _, alg := range []config.Algorithm{config.LeastConn, config.First, config.Random} {
		b := New(proxy(200, by(config.Balance{Algorithm: alg})), Env{Loops: 1})
		var a Args
		if n := testing.AllocsPerRun(200, func() { b.Pick(&a).Srv.Release(0) }); n > 0 {
			t.Errorf("%v: %v allocations a pick", alg, n)
		}
	}
}

// Who insists on a server that is down (force-persist, option persist) waits
// for its slots, and stays in its queue when the others leave it.
func TestWhoInsistsOnAServerGetsIt(t *testing.T) {
	b := running(t, proxy(2, cookies, slots(1)), Env{})
	first := b.Pick(&Args{Cookie: []byte("c1")})
	before, other, late := &waiter{}, &waiter{}, &waiter{}
	b.Insist(first.Srv, before)
	b.Enqueue(first.Srv, other)
	b.must(t, SetHealth{b.Server("s1"), Stopped})
	b.Insist(first.Srv, late)
	if got := other.grants(); len(got) != 1 || got[0].Name != "s2" {
		t.Errorf("the other was granted %v, want s2", got)
	}
	for _, w := range []*waiter{before, late} {
		if len(w.grants()) > 0 {
			t.Fatalf("granted %v before a slot was free", w.grants())
		}
		first.Srv.Release(0)
		if got := w.grants(); len(got) != 1 || got[0] != first.Srv {
			t.Errorf("granted %v, want s1", got)
		}
	}
}

// A second of slowstart is one new table, however many servers are in it.
func TestASecondOfSlowStartIsOneNewSnapshot(t *testing.T) {
	now := time.Now()
	b := New(proxy(50, func(p *config.Proxy) {
		for _, s := range p.Servers {
			s.SlowStart = 30 * time.Second
		}
	}), Env{})
	for _, s := range b.Servers() {
		b.happen(pronounced(Stopped), now, s)
		b.happen(pronounced(Running), now, s)
	}
	before := b.Snapshot()
	weights := map[int]bool{}
	b.env.Notify = func(int, string) { weights[b.Snapshot().Weight] = true }
	if b.step(now.Add(time.Minute)); b.Snapshot() == before || len(weights) != 1 || !weights[50] {
		t.Errorf("the messages of 50 servers saw the weights %v, want 50 only", weights)
	}
}

// A limit that is raised at run time serves who waits; one that is lowered
// lets the streams that are there finish.
func TestMaxConnAtRunTime(t *testing.T) {
	b := running(t, proxy(1, slots(1)), Env{})
	srv := b.Pick(&Args{}).Srv
	waiters := make([]waiter, 3)
	for i := range waiters {
		b.Enqueue(nil, &waiters[i])
	}
	b.must(t, SetMaxConn{srv, "2"})
	if len(waiters[0].grants()) != 1 || len(waiters[1].grants()) != 0 || srv.Cur.Cur() != 2 {
		t.Errorf("with 2 slots %d streams have one", srv.Cur.Cur())
	}
	b.must(t, SetMaxConn{srv, "1"})
	if srv.Release(0); len(waiters[1].grants()) != 0 || srv.Cur.Cur() != 1 {
		t.Errorf("with 1 slot again %d streams have one", srv.Cur.Cur())
	}
	b.must(t, SetMaxConn{srv, "99999999999999999999"})
	if len(waiters[1].grants()) != 1 || len(waiters[2].grants()) != 1 || srv.MaxConn() != maxMaxConn {
		t.Errorf("with slots for all %d streams have one, of %d", srv.Cur.Cur(), srv.MaxConn())
	}
	for _, text := range []string{"", "x", "7x", "-3"} {
		if err := b.Ask(SetMaxConn{srv, text}); err == nil || srv.MaxConn() != maxMaxConn {
			t.Errorf("%q was taken: %d", text, srv.MaxConn())
		}
	}
}

// A client whose cookie's server fails goes where its request's key leads,
// not in turn: the other servers' caches know it there.
func TestARedispatchedClientFollowsItsKey(t *testing.T) {
	b := New(proxy(5, cookies, byURI(true)), Env{})
	for _, target := range []string{"/a/1", "/b/1", "/c/1", "/d/1", "/e/1", "/f/1"} {
		a := Args{Req: mustParse(target), Cookie: []byte("c1")}
		first := b.Pick(&a).Srv
		a.Req, a.Cookie, a.Avoid = nil, nil, FailedOnes(first)
		want := b.Pick(&Args{Req: mustParse(target), Avoid: FailedOnes(first)}).Srv
		if got := b.Pick(&a).Srv; first.Name != "s1" || got != want {
			t.Errorf("%s moves from %s to %s, want %s", target, first.Name, got.Name, want.Name)
		}
	}
}
