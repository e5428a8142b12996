package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

// A diary notes what the backend asks of others, in order.
type diary struct{ lines []string }

func (d *diary) env() Env {
	return Env{
		Notify:   func(level int, text string) { d.lines = append(d.lines, fmt.Sprintf("%d %s", level, text)) },
		Shutdown: func(s *Server, letter byte) { d.lines = append(d.lines, fmt.Sprintf("shutdown %s %c", s.Name, letter)) },
	}
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	if g, w := strings.Join(d.lines, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
	d.lines = nil
}

func TestSessionsAreClosedWhenAServerIsMarkedDown(t *testing.T) {
	var d diary
	p := proxy(2, func(p *config.Proxy) { p.Servers[0].ShutdownOnDown = true })
	bubble(t, p, d.env(), func(t *testing.T, b *Backend) {
		epoch := b.Server("s1").Epoch()
		order(t, b, "s1", Drain)
		d.expect(t, "5 Server be/s1 enters drain state. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.")
		if b.Server("s1").Epoch() != epoch {
			t.Error("a drain must not close idle connections")
		}
		order(t, b, "s1", Maint)
		d.expect(t, "shutdown s1 D",
			"5 Server be/s1 is going DOWN for maintenance. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.")
		order(t, b, "s1", Ready)
		d.expect(t, "5 Server be/s1 is UP/READY (leaving forced maintenance).")
		b.Server("s1").Cur.Enter()
		check(t, b, "s1", CheckL4TOUT)
		d.expect(t, "shutdown s1 D",
			"1 Server be/s1 is DOWN, reason: Layer4 timeout, check duration: 0ms. 1 active and 0 backup servers left. 1 sessions active, 0 requeued, 0 remaining in queue.")
		if got := b.Server("s1").Epoch(); got != epoch+2 {
			t.Errorf("idle connections were retired %d times, want 2", got-epoch)
		}
		order(t, b, "s2", Maint)
		d.expect(t,
			"1 Server be/s2 is going DOWN for maintenance. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
			"0 backend be has no server available!")
	})
}

func TestBackupSessionsAreClosedWhenAServerComesBack(t *testing.T) {
	var d diary
	p := proxy(2, func(p *config.Proxy) { p.Servers[0].ShutdownBackupOnUp, p.Servers[1].Backup = true, true })
	bubble(t, p, d.env(), func(t *testing.T, b *Backend) {
		check(t, b, "s1", CheckL4CON)
		d.expect(t, "1 Server be/s1 is DOWN, reason: Layer4 connection problem, check duration: 0ms. 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue.")
		check(t, b, "s1", CheckL4OK)
		check(t, b, "s1", CheckL4OK)
		d.expect(t, "5 Server be/s1 is UP, reason: Layer4 check passed, check duration: 0ms. 1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.",
			"shutdown s2 U")
	})
}

func TestLogHealthChecksTellsEachChange(t *testing.T) {
	var d diary
	p := proxy(2, func(p *config.Proxy) { p.LogHealthChecks = true })
	bubble(t, p, d.env(), func(t *testing.T, b *Backend) {
		for _, s := range []CheckStatus{CheckL7OK, CheckL7OK, CheckL7STS} {
			check(t, b, "s1", s)
		}
		d.expect(t, "5 Health check for server be/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: 0ms, status: 3/3 UP.",
			"5 Health check for server be/s1 failed, reason: Layer7 wrong status, code: 200, check duration: 0ms, status: 2/3 UP.")
		for range 2 {
			check(t, b, "s1", CheckL7STS)
		}
		d.expect(t, "5 Health check for server be/s1 failed, reason: Layer7 wrong status, code: 200, check duration: 0ms, status: 1/3 UP.",
			"5 Health check for server be/s1 failed, reason: Layer7 wrong status, code: 200, check duration: 0ms, status: 0/2 DOWN.",
			"1 Server be/s1 is DOWN. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.")
	})
}

func TestBackendStatusFollowsItsServers(t *testing.T) {
	bubble(t, proxy(1), Env{}, func(t *testing.T, b *Backend) {
		time.Sleep(10 * time.Second)
		order(t, b, "s1", Maint)
		time.Sleep(3 * time.Second)
		if st := b.Status(); st.Up || st.Downs != 1 || st.Downtime(time.Now()) != 3*time.Second {
			t.Errorf("in maintenance: %+v", st)
		}
		order(t, b, "s1", Ready)
		time.Sleep(time.Second)
		if st := b.Status(); !st.Up || st.Downtime(time.Now()) != 3*time.Second {
			t.Errorf("back: %+v", st)
		}
	})
}

func TestSlowstartSharesTrafficByTime(t *testing.T) {
	p := proxy(2, slots(1000), func(p *config.Proxy) { p.Servers[0].SlowStart = 32 * time.Second })
	bubble(t, p, Env{}, func(t *testing.T, b *Backend) {
		order(t, b, "s1", Maint)
		order(t, b, "s1", Ready)
		one := b.Server("s1")
		share := func() int {
			n := 0
			for _, name := range picks(b, 1600) {
				if name == "s1" {
					n++
				}
			}
			return n
		}
		for _, c := range []struct {
			at      time.Duration
			weight  int // in sixteenths
			maxconn int64
		}{{0, 1, 1}, {time.Second, 1, 30}, {2 * time.Second, 2, 60}, {16 * time.Second, 9, 500}, {31 * time.Second, 16, 960}, {32 * time.Second, 16, 1000}} {
			st := one.State()
			time.Sleep(time.Until(st.Since.Add(c.at)))
			synctest.Wait()
			if st = one.State(); c.at < 32*time.Second && st.EWeight != c.weight {
				t.Errorf("after %v: effective weight %d, want %d", c.at, st.EWeight, c.weight)
			}
			if got, want := share(), 1600*c.weight/(16+c.weight); got < want-16 || got > want+16 {
				t.Errorf("after %v: %d of 1600 requests, want about %d", c.at, got, want)
			}
			if got := one.MaxConn(); got != c.maxconn {
				t.Errorf("after %v: maxconn %d, want %d", c.at, got, c.maxconn)
			}
		}
		if one.State().Op != Running {
			t.Errorf("at the end: %+v", one.State())
		}
	})
}

func TestADayOfOutages(t *testing.T) {
	bubble(t, proxy(1), Env{}, func(t *testing.T, b *Backend) {
		for range 24 {
			check(t, b, "s1", CheckL4CON)
			time.Sleep(30 * time.Minute)
			check(t, b, "s1", CheckL4OK)
			check(t, b, "s1", CheckL4OK)
			time.Sleep(30 * time.Minute)
			for range 2 {
				check(t, b, "s1", CheckL4CON)
			}
		}
		st := b.Server("s1").State()
		if got := st.Downtime(time.Now()); got != 12*time.Hour || st.Downs != 24 {
			t.Errorf("down for %v, %d times", got, st.Downs)
		}
	})
}

func TestSetWeight(t *testing.T) {
	static := func(p *config.Proxy) { p.Balance.Algorithm = config.StaticRR }
	const no, dyn = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.", "Absolute weight can only be between 0 and 256 inclusive."
	for _, c := range []struct {
		text, err string
		static    bool
		want      int
	}{
		{text: "10", want: 10}, {text: "0", want: 0}, {text: "256", want: 256}, {text: "50%", want: 20}, {text: "0%", want: 0},
		{text: "30000%", want: 256}, {text: "99999999999999999999%", err: dyn, want: 40},
		{text: "257", err: dyn, want: 40}, {text: "-1", err: dyn, want: 40}, {text: "-5%", err: "Relative weight must be positive.", want: 40},
		{text: "x", err: "Empty weight string empty or preceded by garbage", want: 40}, {text: "", err: "Empty weight string empty or preceded by garbage", want: 40},
		{text: "5x", err: "Trailing garbage in weight string", want: 40}, {text: "5%x", err: "Trailing garbage in weight string", want: 40},
		{text: "10", static: true, err: no, want: 40}, {text: "0", static: true, want: 0}, {text: "100%", static: true, want: 40},
	} {
		t.Run(c.text, func(t *testing.T) {
			p := proxy(2, func(p *config.Proxy) { p.Servers[0].Weight = 40 })
			if c.static {
				static(p)
			}
			b := running(t, p, Env{})
			err := b.Ask(SetWeight{b.Server("s1"), c.text})
			if got := fmt.Sprint(err); got != c.err && (c.err != "" || err != nil) {
				t.Errorf("got %q, want %q", got, c.err)
			}
			if got := b.Server("s1").State().UWeight; got != c.want {
				t.Errorf("weight %d, want %d", got, c.want)
			}
		})
	}
}

func TestEventsEndWithTheBackend(t *testing.T) {
	b := New(proxy(1), Env{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.Run(ctx)
	if err := b.Ask(SetState{b.Server("s1"), Drain}); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
}

func TestRatesAreSampledEachSecond(t *testing.T) {
	bubble(t, proxy(1), Env{}, func(t *testing.T, b *Backend) {
		s := b.Server("s1")
		time.Sleep(500 * time.Millisecond) // between two samples
		for _, n := range []int64{5, 50, 10} {
			s.Counters.Add(0, Sessions, n)
			time.Sleep(time.Second)
		}
		if s.Rate.Max() != 50 || s.Rate.Per() != 10 {
			t.Errorf("rate %d, at most %d", s.Rate.Per(), s.Rate.Max())
		}
		s.Rate.ClearMax()
		if s.Rate.Max() != 10 {
			t.Errorf("maximum %d after clearing", s.Rate.Max())
		}
	})
}
