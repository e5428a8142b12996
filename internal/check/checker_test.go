package check

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

func seconds(ds []time.Duration) (s []float64) {
	for _, d := range ds {
		s = append(s, d.Seconds())
	}
	return s
}

func TestStartsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		play(t, s, proxy(3, func(p *config.Proxy) {
			for _, srv := range p.Servers {
				srv.Inter = 6 * time.Second
			}
		}), Env{})
		time.Sleep(13 * time.Second)
		for addr, want := range map[string][]float64{s1: {0, 6, 12}, s2: {2, 8}, s3: {4, 10}} {
			if got := seconds(s.times(addr)); !slices.Equal(got, want) {
				t.Errorf("%s was checked at %v, want %v", addr, got, want)
			}
		}
	})
}

func TestIntervalFollowsTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(1, func(p *config.Proxy) {
			p.Servers[0].FastInter, p.Servers[0].DownInter = time.Second, 20*time.Second
		}), Env{})
		time.Sleep(6 * time.Second) // checks at 0, 5
		s.set(s1, "refuse")         // checks at 10, 11, 12: down; 32
		time.Sleep(27 * time.Second)
		if st := b.Server("s1").State(); st.Status() != "DOWN" || st.FailedChecks != 3 {
			t.Errorf("at 33 s: %s after %d failures", st.Status(), st.FailedChecks)
		}
		s.set(s1, "ok") // checks at 52, 53: up; 58
		time.Sleep(27 * time.Second)
		if got, want := seconds(s.times(s1)), []float64{0, 5, 10, 11, 12, 32, 52, 53, 58}; !slices.Equal(got, want) {
			t.Errorf("checked at %v, want %v", got, want)
		}
		if st := b.Server("s1").State(); st.Status() != "UP" || st.Downtime(time.Now()) != 41*time.Second {
			t.Errorf("at 60 s: %s, down for %v", st.Status(), st.Downtime(time.Now()))
		}
	})
}

// deployment: inter 5s fall 3: dead at once after a good check, DOWN at the
// third failure.
func TestDetectionTime(t *testing.T) {
	for _, c := range []struct {
		act  string
		down time.Duration // after the last good check
		word backend.CheckStatus
	}{
		{"refuse", 15 * time.Second, backend.CheckL4CON},
		{"silent", 15*time.Second + 3*3*time.Second, backend.CheckL7TOUT},
		{"drop", 15*time.Second + 3*4*time.Second, backend.CheckL4TOUT},
	} {
		t.Run(c.act, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				b, _ := play(t, s, proxy(1, func(p *config.Proxy) {
					p.Timeouts.Check, p.Timeouts.Connect = 3*time.Second, 4*time.Second
				}), Env{})
				time.Sleep(time.Millisecond)
				s.set(s1, c.act)
				time.Sleep(c.down - 2*time.Millisecond)
				if st := b.Server("s1").State(); st.Op != backend.Running {
					t.Errorf("just before %v: %s", c.down, st.Status())
				}
				time.Sleep(2 * time.Millisecond)
				if st := b.Server("s1").State(); st.Op != backend.Stopped || st.Check.Status != c.word {
					t.Errorf("after %v: %s, %s", c.down, st.Status(), st.Check.Status)
				}
			})
		})
	}
}

func TestWithoutTimeoutCheckAllMustFitIntoInter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(s1, "silent")
		b, _ := play(t, s, proxy(1, func(p *config.Proxy) { p.Timeouts.Connect = time.Second }), Env{})
		time.Sleep(5*time.Second + time.Millisecond)
		st := b.Server("s1").State()
		if st.Check.Status != backend.CheckL7TOUT || st.Check.Duration != 5*time.Second || st.Status() != "DOWN" {
			t.Errorf("got %s %s after %v", st.Status(), st.Check.Status, st.Check.Duration)
		}
	})
}

func TestMaintenancePausesAndReadyChecksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(1), Env{})
		srv := b.Server("s1")
		time.Sleep(time.Second)
		ask(t, b, backend.SetState{Srv: srv, Order: backend.Maint})
		time.Sleep(30 * time.Second)
		s.set(s1, "refuse")
		time.Sleep(time.Second) // 32 s
		ask(t, b, backend.SetState{Srv: srv, Order: backend.Ready})
		synctest.Wait()
		if got := srv.State(); got.Status() != "DOWN" || got.Check.Info != "Connection refused" {
			t.Errorf("right after ready: %s, %s", got.Status(), got.Check.Info)
		}
		s.set(s1, "ok")
		time.Sleep(11 * time.Second)
		if got, want := seconds(s.times(s1)), []float64{0, 32, 37, 42}; !slices.Equal(got, want) {
			t.Errorf("checked at %v, want %v", got, want)
		}
		if got := srv.State().Status(); got != "UP" {
			t.Errorf("at the end: %s", got)
		}
	})
}

func TestDrainKeepsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(1), Env{})
		time.Sleep(time.Second)
		ask(t, b, backend.SetState{Srv: b.Server("s1"), Order: backend.Drain})
		s.set(s1, "refuse")
		time.Sleep(20 * time.Second)
		if got := b.Server("s1").State().Status(); got != "DOWN" {
			t.Errorf("got %s", got)
		}
	})
}

func TestOurOwnErrorsAreNoEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(s1, "full")
		var log bytes.Buffer
		b, _ := play(t, s, proxy(1), Env{Log: slog.New(slog.NewTextHandler(&log, nil))})
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		st := b.Server("s1").State()
		if st.Op != backend.Running || st.FailedChecks != 0 || st.Check.Status != backend.CheckINI {
			t.Errorf("got %s, %d failures, %s", st.Status(), st.FailedChecks, st.Check.Status)
		}
		if !strings.Contains(log.String(), "be/s1") {
			t.Errorf("nobody was told: %s", log.String())
		}
	})
}

func TestReloadStartsAndEndsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, c := play(t, s, proxy(2), Env{})
		time.Sleep(4 * time.Second) // s1 at 0, s2 at 2.5
		next := proxy(3)
		next.Servers = next.Servers[1:]
		next.Servers[0].Inter = time.Second
		ask(t, b, backend.Apply{Cfg: next})
		c.Apply([]*backend.Backend{b})
		time.Sleep(7 * time.Second)
		for addr, want := range map[string][]float64{s1: {0}, s2: {2.5, 7.5, 8.5, 9.5, 10.5}, s3: {4, 9}} {
			if got := seconds(s.times(addr)); !slices.Equal(got, want) {
				t.Errorf("%s was checked at %v, want %v", addr, got, want)
			}
		}
	})
}

func TestAMovedServerIsCheckedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, c := play(t, s, proxy(1), Env{})
		time.Sleep(time.Second)
		next := proxy(1)
		next.Servers[0].Addr.Port = 8003
		ask(t, b, backend.Apply{Cfg: next})
		c.Apply([]*backend.Backend{b})
		synctest.Wait()
		if got := seconds(s.times(s3)); !slices.Equal(got, []float64{1}) {
			t.Errorf("the new address was checked at %v", got)
		}
	})
}

func TestCheckAddressAndPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		play(t, s, proxy(1, func(p *config.Proxy) { p.Servers[0].CheckAddr.Port = 9000 }), Env{})
		time.Sleep(time.Second)
		if len(s.times("127.0.0.1:9000")) != 1 {
			t.Errorf("dialled %v", s.at)
		}
	})
}

func TestSpreadChecksVaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		draws := []float64{0, 0.5, 1}
		play(t, s, proxy(1), Env{Settings: Settings{Spread: 20}, Rand: func() float64 { d := draws[0]; draws = append(draws[1:], d); return d }})
		time.Sleep(15*time.Second + time.Millisecond)
		if got, want := seconds(s.times(s1)), []float64{0, 6, 11, 15}; !slices.Equal(got, want) {
			t.Errorf("checked at %v, want %v", got, want)
		}
	})
}

func TestAReloadChangesTheSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		_, c := play(t, s, proxy(1), Env{Rand: func() float64 { return 0 }})
		time.Sleep(6 * time.Second) // checks at 0, 5, 10
		c.Set(Settings{Spread: 20})
		time.Sleep(11 * time.Second)
		if got, want := seconds(s.times(s1)), []float64{0, 5, 10, 16}; !slices.Equal(got, want) {
			t.Errorf("checked at %v, want %v", got, want)
		}
	})
}

func TestADayOfChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(s1, "refuse")
		b, _ := play(t, s, proxy(1, func(p *config.Proxy) { p.Servers[0].Inter = time.Minute }), Env{})
		time.Sleep(24*time.Hour - time.Second)
		if got := len(s.times(s1)); got != 24*60 {
			t.Errorf("%d checks", got)
		}
		if st := b.Server("s1").State(); st.Downs != 1 || st.FailedChecks != 1 {
			t.Errorf("%+v", st)
		}
	})
}
