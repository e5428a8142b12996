package check

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// downAfter is how long it takes until s1 is DOWN, at most limit.
func downAfter(b *backend.Backend, limit time.Duration) time.Duration {
	start := time.Now()
	for time.Since(start) < limit {
		if b.Server("s1").State().Op == backend.Stopped {
			return time.Since(start)
		}
		time.Sleep(time.Millisecond)
	}
	return limit
}

func TestTrafficThatFailsBringsItsServerDownAtOnce(t *testing.T) {
	for _, c := range []struct {
		name, act string
		saw       []backend.Sight
		atMost    time.Duration
	}{
		{"refused", "refuse", []backend.Sight{backend.SawRefused}, 150 * time.Millisecond},
		{"reset twice", "refuse", []backend.Sight{backend.SawReset, backend.SawClosed}, 150 * time.Millisecond},
		{"errors", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", slices.Repeat([]backend.Sight{backend.SawStatus}, 10), 150 * time.Millisecond},
		{"frozen", "silent", []backend.Sight{backend.SawSilent}, 2200 * time.Millisecond},
		{"cable cut", "drop", []backend.Sight{backend.SawSilent}, 600 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				b, _ := play(t, s, proxy(2), Env{})
				time.Sleep(7 * time.Second)
				s.set(s1, c.act)
				for _, k := range c.saw {
					b.Server("s1").Saw(k, 0)
				}
				if d := downAfter(b, 5*time.Second); d > c.atMost {
					t.Errorf("DOWN after %v", d)
				}
				synctest.Wait()
				if n := b.Server("s1").Counters.Sum(backend.FastDowns); n != 1 {
					t.Errorf("counted %d times", n)
				}
				s.set(s1, "ok")
				time.Sleep(backend.FastReply + 2*backend.FastRisePace) // a check that was begun before has to end
				if st := b.Server("s1").State(); st.Op != backend.Running {
					t.Errorf("not up again 2.2 s after it came back: %s", st.Status())
				}
				before := len(s.times(s1))
				time.Sleep(4 * time.Second)
				if n := len(s.times(s1)) - before; n > 1 {
					t.Errorf("checked %d times in the 4 s after", n)
				}
			})
		})
	}
}

// TestASlowServerIsNotDead: what it answers its checks within FastReply keeps it,
// but for a check whose own time is shorter; timeout check is that of the reply.
func TestASlowServerIsNotDead(t *testing.T) {
	for _, c := range []struct {
		name          string
		late          string // until it answers
		inter, check  time.Duration
		down, cleared bool
	}{
		{"a second late", "late 1s", 5 * time.Second, 0, false, true},
		{"almost two seconds late", "late 1.9s", 5 * time.Second, 0, false, true},
		{"three seconds late", "late 3s", 5 * time.Second, 0, true, false},
		{"later than inter, which is a check's time", "late 1s", 800 * time.Millisecond, 0, true, false},
		{"a second late, with timeout check", "late 1s", 5 * time.Second, 3 * time.Second, false, true},
		{"later than timeout check", "late 1s", 5 * time.Second, 500 * time.Millisecond, true, false},
		{"later than FastReply, not than timeout check", "late 3s", 5 * time.Second, 4 * time.Second, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				b, _ := play(t, s, proxy(2, func(p *config.Proxy) {
					p.Timeouts.Check = c.check
					p.Servers[0].Inter = c.inter
				}), Env{})
				time.Sleep(5100 * time.Millisecond)
				s.set(s1, c.late)
				b.Server("s1").Saw(backend.SawSilent, 0)
				time.Sleep(2300 * time.Millisecond)
				st := b.Server("s1").State()
				if down := st.Op == backend.Stopped; down != c.down {
					t.Errorf("DOWN: %t", down)
				}
				if cleared := st.Fast(time.Now()) == 0; cleared != c.cleared {
					t.Errorf("no more suspected: %t", cleared)
				}
				if n := b.Server("s1").Counters.Sum(backend.FastDowns); c.down && n != 1 {
					t.Errorf("fast-detect took it out %d times", n)
				}
			})
		})
	}
}

// TestAFrozenServerIsNotHeapedWithChecks: no more wait for it than are needed.
func TestAFrozenServerIsNotHeapedWithChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2), Env{})
		time.Sleep(7 * time.Second)
		s.set(s1, "silent")
		before := len(s.times(s1))
		b.Server("s1").Saw(backend.SawSilent, 0)
		time.Sleep(1900 * time.Millisecond)
		if n := len(s.times(s1)) - before; n != mostChased {
			t.Errorf("%d checks wait, want %d", n, mostChased)
		}
	})
}

func TestOneBrokenConnectionIsNoReasonToCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2), Env{})
		time.Sleep(7 * time.Second)
		before := len(s.times(s1))
		b.Server("s1").Saw(backend.SawReset, 0)
		time.Sleep(1500 * time.Millisecond)
		b.Server("s1").Saw(backend.SawReset, 0)
		for range 100 {
			b.Server("s1").Saw(backend.SawStatus, 0)
			b.Server("s1").Saw(backend.SawTimeout, 0)
			b.Server("s1").Saw(backend.SawReply, 0)
		}
		time.Sleep(time.Second)
		if n := len(s.times(s1)) - before; n != 0 {
			t.Errorf("checked %d times", n)
		}
	})
}

// TestAServerThatLiesIsCheckedNotFelled: its traffic fails and its checks pass.
func TestAServerThatLiesIsCheckedNotFelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2), Env{})
		time.Sleep(7 * time.Second)
		before := len(s.times(s1))
		for range 1000 {
			b.Server("s1").Saw(backend.SawReset, 0)
			time.Sleep(10 * time.Millisecond)
		}
		if st := b.Server("s1").State(); st.Downs != 0 || st.FailedChecks != 0 {
			t.Errorf("down %d times, %d failed checks", st.Downs, st.FailedChecks)
		}
		if n := len(s.times(s1)) - before; n < 20 || n > 60 {
			t.Errorf("checked %d times in 10 s", n)
		}
	})
}

// TestErrorsOfAHealthyServerAreLearnt: everything but its checks is answered 500.
func TestErrorsOfAHealthyServerAreLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2), Env{})
		time.Sleep(7 * time.Second)
		srv := b.Server("s1")
		before := len(s.times(s1))
		for range 60_000 {
			srv.Saw(backend.SawStatus, 0)
			time.Sleep(time.Millisecond)
		}
		if n := len(s.times(s1)) - before - 12; n < 8 || n > 20 {
			t.Errorf("%d checks in a minute of errors", n)
		}
		if st := srv.State(); st.Downs != 0 || st.FailedChecks != 0 {
			t.Errorf("down %d times, %d failed checks", st.Downs, st.FailedChecks)
		}
		s.set(s1, "refuse")
		srv.Saw(backend.SawRefused, 0)
		if d := downAfter(b, time.Second); d > 150*time.Millisecond {
			t.Errorf("DOWN %v after it refuses: errors make deaf to nothing else", d)
		}
	})
}

func TestSilenceOfASlowServerIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2), Env{})
		time.Sleep(7 * time.Second)
		srv, start := b.Server("s1"), time.Now()
		look := func(d time.Duration) { // a request that waits all the time
			for end := time.Now().Add(d); time.Now().Before(end); {
				now := int64(time.Since(start)) + 1
				srv.Waiting(0, 1, now-int64(50*time.Millisecond), now)
				time.Sleep(50 * time.Millisecond)
			}
		}
		before := len(s.times(s1))
		look(time.Minute)
		if n := len(s.times(s1)) - before - 12; n < 2 || n > 20 {
			t.Errorf("%d checks in a minute for a request that takes one", n)
		}
		if st := srv.State(); st.Downs != 0 {
			t.Errorf("down %d times", st.Downs)
		}
	})
}

// TestTheLastServerStays: both refuse. The one is felled, the other goes down by
// its own checks only, at their own pace.
func TestTheLastServerStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2, func(p *config.Proxy) {
			for _, srv := range p.Servers {
				srv.Inter = 2 * time.Second
			}
		}), Env{})
		time.Sleep(6500 * time.Millisecond)
		s.set(s1, "refuse")
		s.set(s2, "refuse")
		fail := func(d time.Duration) (ops [2]backend.Op) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
				b.Server("s1").Saw(backend.SawRefused, 0)
				b.Server("s2").Saw(backend.SawRefused, 0)
			}
			return [2]backend.Op{b.Server("s1").State().Op, b.Server("s2").State().Op}
		}
		ops := fail(300 * time.Millisecond)
		slices.Sort(ops[:])
		if ops != [2]backend.Op{backend.Stopped, backend.Running} {
			t.Fatalf("after 300 ms: %v", ops)
		}
		last := b.Server("s1")
		if last.State().Op == backend.Stopped {
			last = b.Server("s2")
		}
		if last.Counters.Sum(backend.SparedLast) == 0 {
			t.Error("not counted")
		}
		if ops := fail(3 * time.Second); last.State().Op != backend.Running {
			t.Errorf("its own checks are not three yet: %v", ops)
		}
		if ops := fail(3 * time.Second); last.State().Op != backend.Stopped {
			t.Errorf("three of its own checks have failed: %v", ops)
		}
	})
}

// TestACommonBlipTakesNobodyOutForLong: all refuse for 300 ms.
func TestACommonBlipTakesNobodyOutForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2), Env{})
		time.Sleep(7 * time.Second)
		start := time.Now()
		for _, a := range []string{s1, s2} {
			s.set(a, "refuse")
		}
		for ; time.Since(start) < 300*time.Millisecond; time.Sleep(time.Millisecond) {
			b.Server("s1").Saw(backend.SawRefused, 0)
			b.Server("s2").Saw(backend.SawRefused, 0)
			if !b.Status().Up {
				t.Fatal("nobody is left")
			}
		}
		for _, a := range []string{s1, s2} {
			s.set(a, "ok")
		}
		time.Sleep(250 * time.Millisecond)
		for _, srv := range b.Servers() {
			if st := srv.State(); st.Op != backend.Running {
				t.Errorf("%s is %s 250 ms after the blip", srv.Name, st.Status())
			}
		}
	})
}

func TestNoOptionFastDetect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2, func(p *config.Proxy) { p.NoFastDetect = true }), Env{})
		time.Sleep(7 * time.Second)
		before := len(s.times(s1))
		s.set(s1, "refuse")
		for range 100 {
			b.Server("s1").Saw(backend.SawRefused, 0)
			b.Server("s1").Saw(backend.SawSilent, 0)
		}
		time.Sleep(2 * time.Second)
		if n := len(s.times(s1)) - before; n != 0 {
			t.Errorf("checked %d times", n)
		}
	})
}

// TestObserveFailsChecks: failures in a row of observed traffic count as a
// failed check, and the next one comes after fastinter.
func TestObserveFailsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(2, func(p *config.Proxy) {
			p.NoFastDetect = true
			srv := p.Servers[0]
			srv.Observe, srv.ErrorLimit, srv.FastInter = config.ObserveLayer7, 3, 500*time.Millisecond
		}), Env{})
		srv := b.Server("s1")
		time.Sleep(6 * time.Second) // checks at 0 and 5
		for _, k := range []backend.Sight{backend.SawStatus, backend.SawStatus, backend.SawReply, backend.SawStatus, backend.SawTimeout} {
			srv.Saw(k, 0)
		}
		synctest.Wait()
		if st := srv.State(); st.Analyzed != 0 || st.Health != 4 {
			t.Errorf("a good reply breaks the row: %+v", st)
		}
		srv.Saw(backend.SawReset, 0)
		synctest.Wait()
		st := srv.State()
		if st.Analyzed != 1 || st.Health != 3 || st.Check.Status != backend.CheckHANA ||
			!strings.HasSuffix(st.Check.Info, "Detected 3 consecutive errors, last one was: Read error (http)") {
			t.Errorf("health %d, %s %q", st.Health, st.Check.Status, st.Check.Info)
		}
		time.Sleep(600 * time.Millisecond)
		if got, want := seconds(s.times(s1)), []float64{0, 5, 6.5}; !slices.Equal(got, want) {
			t.Errorf("checked at %v, want %v", got, want)
		}
	})
}

// TestHalfOfABackendStays: all four refuse.
func TestHalfOfABackendStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		b, _ := play(t, s, proxy(4), Env{})
		time.Sleep(7 * time.Second)
		for _, srv := range b.Servers() {
			s.set(srv.Addr().String(), "refuse")
		}
		for range 1000 {
			for _, srv := range b.Servers() {
				srv.Saw(backend.SawRefused, 0)
			}
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		down, spared := 0, int64(0)
		for _, srv := range b.Servers() {
			if srv.State().Op == backend.Stopped {
				down++
			}
			spared += srv.Counters.Sum(backend.SparedHalf)
		}
		if down != 2 || spared == 0 {
			t.Errorf("%d down, spared %d times", down, spared)
		}
	})
}

// TestAFollowerSpeaksForItsServer: traffic of a server with track suspects the
// one that it follows, which stays while the follower's backend has no other.
func TestAFollowerSpeaksForItsServer(t *testing.T) {
	for _, others := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			checked := proxy(2)
			b, _ := play(t, s, checked, Env{})
			p := proxy(1+others, func(p *config.Proxy) {
				p.Name = "followers"
				for _, srv := range p.Servers {
					srv.Check = false
				}
				p.Servers[0].Track, p.Servers[0].TrackProxy = checked.Servers[0], "be"
			})
			f, _ := play(t, s, p, Env{})
			backend.Link([]*backend.Backend{b, f})
			time.Sleep(7 * time.Second)
			s.set(s1, "refuse")
			f.Server("s1").Saw(backend.SawRefused, 0)
			time.Sleep(300 * time.Millisecond)
			want := backend.Running
			if others > 0 {
				want = backend.Stopped
			}
			if got := [2]backend.Op{b.Server("s1").State().Op, f.Server("s1").State().Op}; got != [2]backend.Op{want, want} {
				t.Errorf("with %d others: got %v, want %v", others, got, want)
			}
		})
	}
}
