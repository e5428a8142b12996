package backend

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
	"bascule/internal/events"
)

func TestWhatHappensIsAnEvent(t *testing.T) {
	ring := events.New(64)
	p := proxy(1, slots(1), func(p *config.Proxy) { p.Servers[0].MaxQueue = 1 })
	bubble(t, p, Env{Event: ring.Add}, func(t *testing.T, b *Backend) {
		seen := uint64(0)
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, e := range ring.Since(seen) {
				got, seen = append(got, fmt.Sprintf("%s %s/%s %d", e.Kind, e.Proxy, e.Server, e.Level)), e.ID
			}
			if g, w := strings.Join(got, ", "), strings.Join(want, ", "); g != w {
				t.Errorf("%s: %s, want %s", what, g, w)
			}
		}
		order(t, b, "s1", Drain)
		expect("drained", "server-drain be/s1 5", "backend-down be/ 0")
		order(t, b, "s1", Ready)
		expect("back", "server-ready be/s1 5", "backend-up be/ 5")
		order(t, b, "s1", Maint)
		expect("in maintenance", "server-maint be/s1 1", "backend-down be/ 0")
		order(t, b, "s1", Ready)
		expect("back", "server-ready be/s1 5", "backend-up be/ 5")
		check(t, b, "s1", CheckL4CON)
		expect("down", "server-down be/s1 1", "backend-down be/ 0")
		check(t, b, "s1", CheckL4OK)
		check(t, b, "s1", CheckL4OK)
		expect("up", "server-up be/s1 5", "backend-up be/ 5")
		b.must(t, SetWeight{b.Server("s1"), "7"})
		expect("weighed", "server-weight be/s1 5")
		srv := b.Pick(&Args{}).Srv
		for range 3 {
			b.Enqueue(srv, &waiter{})
		}
		time.Sleep(2 * sampleEvery)
		expect("full", "queue-full be/s1 4")
		more := *proxy(2).Servers[1]
		next := *p
		next.Servers = append([]*config.Server{p.Servers[0]}, &more)
		b.must(t, Apply{Cfg: &next})
		expect("added", "server-added be/s2 5")
	})
}
