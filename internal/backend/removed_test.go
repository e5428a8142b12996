package backend

import (
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

// away waits until the drain of a removed server is over, and says how long that took.
func away(t *testing.T, s *Server) time.Duration {
	t.Helper()
	begun := time.Now()
	for stageOf(s) != Over {
		if time.Since(begun) > time.Hour {
			t.Fatalf("after an hour: %+v", s.State().Drain)
		}
		time.Sleep(easeEvery)
		synctest.Wait()
	}
	return time.Since(begun)
}

func TestARemovedServerIsDrainedWithinItsDeadline(t *testing.T) {
	within := func(d time.Duration) func(*config.Proxy) {
		return func(p *config.Proxy) { p.DrainRemoved = config.DrainRemoved(d) }
	}
	for _, c := range []struct {
		name         string
		edit         func(*config.Proxy)
		requests     int
		sooner, late time.Duration
	}{
		{"WebSockets go politely, long before the default", within(0), 0, DefaultAtIdle, 40 * time.Second},
		{"a request has the whole time", within(0), 1, config.DefaultDrainRemoved, config.DefaultDrainRemoved + endingFor},
		{"a time of its own", within(30 * time.Second), 1, 30 * time.Second, 33 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e easer
			bubble(t, proxy(2, c.edit), e.env(), func(t *testing.T, b *Backend) {
				two := b.Server("s2")
				tunnels(b, two, 1000, two.WebSockets)
				for range c.requests {
					b.slot(two)
				}
				b.must(t, Apply{Cfg: proxy(1, c.edit)})
				if took := away(t, two); took < c.sooner || took > c.late {
					t.Errorf("drained after %s, want %s to %s", took, c.sooner, c.late)
				}
				if two.State().Drain.Tally.Closed.Load() != 1000 || e.gentle != 1000 {
					t.Errorf("%d WebSockets closed, %d of them before the deadline; want all", two.State().Drain.Tally.Closed.Load(), e.gentle)
				}
				time.Sleep(2 * sampleEvery)
				synctest.Wait()
				if len(b.Removed()) != 0 {
					t.Error("a server that is empty is still listed as removed")
				}
			})
		})
	}
}

func TestARemovedServerMayKeepItsSessions(t *testing.T) {
	var e easer
	off := func(p *config.Proxy) { p.DrainRemoved = config.NotDrained }
	bubble(t, proxy(2, off), e.env(), func(t *testing.T, b *Backend) {
		two := b.Server("s2")
		tunnels(b, two, 3, two.WebSockets)
		b.must(t, Apply{Cfg: proxy(1, off)})
		time.Sleep(24 * time.Hour)
		if two.Cur.Cur() != 3 || len(b.Removed()) != 1 || len(e.asked) != 0 {
			t.Errorf("after a day %d sessions, %d removed servers, %d wishes; want 3, 1, 0", two.Cur.Cur(), len(b.Removed()), len(e.asked))
		}
	})
}

func TestAServerThatComesBackIsNotDrainedAnyMore(t *testing.T) {
	for _, c := range []struct {
		name    string
		drained bool
	}{{"as it was", false}, {"an operator's drain goes on", true}} {
		t.Run(c.name, func(t *testing.T) {
			var e easer
			bubble(t, proxy(2), e.env(), func(t *testing.T, b *Backend) {
				two := b.Server("s2")
				if c.drained {
					order(t, b, "s2", Drain)
				}
				tunnels(b, two, 3, two.WebSockets)
				b.must(t, Apply{Cfg: proxy(1)})
				time.Sleep(time.Second)
				b.must(t, Apply{Cfg: proxy(2)})
				time.Sleep(time.Hour)
				if n := two.WebSockets.Load(); n != 3 || (two.State().Drain != nil) != c.drained {
					t.Errorf("%d WebSockets left, drain %+v", n, two.State().Drain)
				}
			})
		})
	}
}

func TestForgetDropsWhatWasSetAtRunTime(t *testing.T) {
	cfg := proxy(4, slots(10), func(p *config.Proxy) { p.Servers[3].Disabled = true })
	for _, forget := range []bool{false, true} {
		bubble(t, cfg, Env{}, func(t *testing.T, b *Backend) {
			one := b.Server("s1")
			b.must(t, SetWeight{one, "7"})
			b.must(t, SetMaxConn{one, "3"})
			b.must(t, SetChecks{one, false})
			order(t, b, "s2", Drain)
			order(t, b, "s3", Maint)
			order(t, b, "s4", Ready)
			check(t, b, "s2", CheckL4CON)
			health := b.Server("s2").State().Health
			b.must(t, Apply{Cfg: cfg, Forget: forget})
			for i, kept := range []int{3, 1, 1, 1} {
				want := kept
				if forget {
					want = 0
				}
				if set := b.Servers()[i].SetAtRunTime(); len(set) != want {
					t.Errorf("forget %t: s%d has %q, want %d", forget, i+1, set, want)
				}
			}
			if got := b.Server("s2").State().Health; got != health {
				t.Errorf("forget %t: the health of s2 is %d, it was %d: no operator had set it", forget, got, health)
			}
		})
	}
}
