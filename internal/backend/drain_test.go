package backend

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/config"
)

// An easer is the streams of a backend's servers, as far as a drain ends them.
type easer struct {
	mu     sync.Mutex // guards the fields below
	asked  []Ease
	at     []time.Time
	notes  []string
	deaf   bool // nobody obeys
	gentle int  // WebSockets that have ended before the deadline
}

func (e *easer) env() Env {
	return Env{Ease: e.ease, Notify: func(_ int, text string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.notes = append(e.notes, text)
	}}
}

func (e *easer) ease(x Ease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked, e.at = append(e.asked, x), append(e.at, time.Now())
	if e.deaf {
		return
	}
	leave := func(of *Tally, n int) {
		for range n {
			of.Add(0, -1)
			x.Srv.Release(0)
		}
	}
	sockets, tunnels := min(x.WebSockets, int(x.Srv.WebSockets.Load())), min(x.Tunnels, int(x.Srv.Tunnels.Load()))
	if x.All {
		sockets, tunnels = int(x.Srv.WebSockets.Load()), int(x.Srv.Tunnels.Load())
		x.Tally.Cut.Add(int64(tunnels))
	} else {
		e.gentle += sockets
	}
	leave(x.Srv.WebSockets, sockets)
	leave(x.Srv.Tunnels, tunnels)
	x.Tally.Closed.Add(int64(sockets))
	for x.All && x.Srv.Cur.Cur() > 0 {
		x.Srv.Release(0)
		x.Tally.Cut.Add(1)
	}
}

// said is the last message that has the word.
func (e *easer) said(word string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.notes) - 1; i >= 0; i-- {
		if strings.Contains(e.notes[i], word) {
			return e.notes[i]
		}
	}
	return ""
}

// span is when the first and the last wish came, and how many WebSockets went
// before the deadline.
func (e *easer) span(since time.Time) (first, last time.Duration, gentle int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at[0].Sub(since), e.at[len(e.at)-1].Sub(since), e.gentle
}

func (e *easer) largest() (sockets, tunnels int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.asked {
		sockets, tunnels = max(sockets, x.WebSockets), max(tunnels, x.Tunnels)
	}
	return sockets, tunnels
}

// tunnels opens so many on a server.
func tunnels(b *Backend, s *Server, n int, of *Tally) {
	for range n {
		b.slot(s)
		of.Add(0, 1)
	}
}

func drain(t *testing.T, b *Backend, server string, deadline, atIdle time.Duration) *Server {
	t.Helper()
	s := b.Server(server)
	b.must(t, SetDrain{s, deadline, atIdle})
	return s
}

// visit asks as a user of c1 whose last request is so long ago, and leaves.
func visit(b *Backend, idle time.Duration) (server string, p PersistState) {
	c := b.Pick(&Args{Cookie: []byte("c1"), Idle: idle})
	if c.Srv == nil {
		return "-", c.Persist
	}
	c.Srv.Release(0)
	return c.Srv.Name, c.Persist
}

func stageOf(s *Server) Stage { return s.State().Drain.Stage }

func TestADrainMovesUsersAtTheirFirstPause(t *testing.T) {
	var e easer
	bubble(t, proxy(2, cookies), e.env(), func(t *testing.T, b *Backend) {
		s := drain(t, b, "s1", 60*time.Second, 10*time.Second)
		for i, c := range []struct {
			idle    time.Duration
			upgrade bool
			want    string
			persist PersistState
		}{
			{0, false, "s1", PersistValid},
			{9 * time.Second, false, "s1", PersistValid},
			{10 * time.Second, false, "s2", PersistDown},
			{1 << 62, false, "s2", PersistDown}, // a new connection
			{0, true, "s2", PersistDown},        // a tunnel would be cut
		} {
			got := b.Pick(&Args{Cookie: []byte("c1"), Idle: c.idle, Upgrade: c.upgrade})
			if got.Srv.Name != c.want || got.Persist != c.persist || got.Direct != (c.want == "s1") {
				t.Errorf("%d: %s %c direct %v, want %s %c", i, got.Srv.Name, got.Persist, got.Direct, c.want, c.persist)
			}
			got.Srv.Release(0)
		}
		if got := picks(b, 3); strings.Join(got, " ") != "s2 s2 s2" {
			t.Errorf("new users go to %v", got)
		}
		if tl := s.State().Drain.Tally; tl.Moved.Load() != 3 || tl.Kept.Load() != 2 || s.Counters.Sum(DrainMoves) != 3 || b.Counters.Sum(DrainMoves) != 3 {
			t.Errorf("moved %d, kept %d, counted %d", tl.Moved.Load(), tl.Kept.Load(), s.Counters.Sum(DrainMoves))
		}
	})
}

func TestTheDateInTheCookieDecidesWhereThereIsOne(t *testing.T) {
	dates := func(p *config.Proxy) { cookies(p); p.Cookie.MaxIdle = time.Hour }
	bubble(t, proxy(2, dates), Env{}, func(t *testing.T, b *Backend) {
		drain(t, b, "s1", 60*time.Second, 10*time.Second)
		for _, c := range []struct {
			age  time.Duration
			want string
		}{{0, "s1"}, {6 * time.Second, "s1"}, {16 * time.Second, "s2"}} {
			value := appendDate([]byte("c1"), time.Now().Add(-c.age).Unix())
			got := b.Pick(&Args{Cookie: value, Idle: 1 << 62}) // on a new connection
			if got.Srv.Name != c.want {
				t.Errorf("a cookie of %v ago: %s, want %s", c.age, got.Srv.Name, c.want)
			}
			got.Srv.Release(0)
		}
	})
}

func TestADrainEndsUnderLoadThatNeverPauses(t *testing.T) {
	var e easer
	bubble(t, proxy(2, cookies), e.env(), func(t *testing.T, b *Backend) {
		s := drain(t, b, "s1", 60*time.Second, 10*time.Second)
		tunnels(b, s, 1000, s.WebSockets)
		began := time.Now()
		kept, moved, lastKept := 0, 0, time.Duration(0)
		for time.Since(began) < 70*time.Second {
			if name, _ := visit(b, 0); name == "s1" {
				kept++
				lastKept = time.Since(began)
			} else {
				moved++
			}
			time.Sleep(50 * time.Millisecond)
		}
		if lastKept < 47*time.Second || lastKept > 50*time.Second {
			t.Errorf("the last request came to the server after %v, want some time before 50s", lastKept)
		}
		if kept == 0 || moved == 0 || stageOf(s) != Over || s.Cur.Cur() != 0 || !strings.HasPrefix(s.Status(), "DRAIN") {
			t.Errorf("kept %d, moved %d, stage %s, %d sessions, %s", kept, moved, stageOf(s), s.Cur.Cur(), s.Status())
		}
		if n, _ := e.largest(); n > 6 {
			t.Errorf("%d WebSockets were closed in one instant", n)
		}
		first, last, gentle := e.span(began)
		if gentle != 1000 {
			t.Errorf("%d WebSockets were closed before the deadline, want all", gentle)
		}
		if first < 10*time.Second || last > 48*time.Second {
			t.Errorf("WebSockets were closed from %v to %v", first, last)
		}
		if got := e.said("is drained after"); !strings.Contains(got, "1000 WebSockets closed, 0 sessions cut, 0 left.") {
			t.Errorf("the log says %q", got)
		}
		if got := e.said("is drained within"); got != "Server be/s1 is drained within 1m0s, users move after a pause of 10s. 0 sessions active, 0 of them WebSockets." {
			t.Errorf("the log says %q", got)
		}
	})
}

func TestADrainIsOverOnceNobodyIsLeft(t *testing.T) {
	var e easer
	bubble(t, proxy(2, cookies), e.env(), func(t *testing.T, b *Backend) {
		began := time.Now()
		s := drain(t, b, "s1", 10*time.Minute, 10*time.Second)
		for range 40 { // a user who pauses after 20 s
			visit(b, 0)
			time.Sleep(500 * time.Millisecond)
		}
		for stageOf(s) != Over {
			if time.Since(began) > 2*time.Minute {
				t.Fatal("it does not end")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took < 29*time.Second || took > 31*time.Second {
			t.Errorf("over after %v, want 10 s after the last request", took)
		}
		synctest.Wait() // the state is there before what requests see of it
		if name, p := visit(b, 0); name != "s2" || p != PersistDown {
			t.Errorf("a user who comes back gets %s %c", name, p)
		}
	})
}

func TestADrainWithoutStickyUsersEndsWithItsLastSession(t *testing.T) {
	bubble(t, proxy(2), Env{}, func(t *testing.T, b *Backend) {
		s := b.Server("s1")
		b.slot(s)
		drain(t, b, "s1", time.Minute, 10*time.Second)
		time.Sleep(5 * time.Second)
		if stageOf(s) != Moving {
			t.Fatalf("%s with a request under way", stageOf(s))
		}
		s.Release(0)
		time.Sleep(200 * time.Millisecond)
		if stageOf(s) != Over {
			t.Errorf("%s, want over", stageOf(s))
		}
	})
}

func TestRequestsAreCutAtTheDeadlineAndNotBefore(t *testing.T) {
	var e easer
	bubble(t, proxy(2, cookies), e.env(), func(t *testing.T, b *Backend) {
		s := b.Server("s1")
		b.slot(s) // a request that never ends
		tunnels(b, s, 100, s.Tunnels)
		began := time.Now()
		drain(t, b, "s1", 20*time.Second, 2*time.Second)
		time.Sleep(19900 * time.Millisecond)
		if s.Cur.Cur() == 0 || stageOf(s) != LastCall {
			t.Fatalf("%d sessions, %s before the deadline", s.Cur.Cur(), stageOf(s))
		}
		if _, n := e.largest(); n > 6 {
			t.Errorf("%d tunnels were ended in one instant", n)
		}
		if first, _, _ := e.span(began); first < 16*time.Second {
			t.Errorf("tunnels that cannot be told were ended after %v", first)
		}
		time.Sleep(time.Second)
		if s.Cur.Cur() != 0 || stageOf(s) != Over {
			t.Errorf("%d sessions, %s behind the deadline", s.Cur.Cur(), stageOf(s))
		}
		if tl := s.State().Drain.Tally; tl.Cut.Load() == 0 {
			t.Error("nothing is counted as cut")
		}
	})
}

func TestWhoWaitsForADrainedServerGoesElsewhereAtTheDeadline(t *testing.T) {
	bubble(t, proxy(2, cookies, slots(1)), Env{}, func(t *testing.T, b *Backend) {
		s, w := b.Server("s1"), &waiter{}
		b.slot(s)
		if _, ok := b.Enqueue(s, w); !ok {
			t.Fatal("not queued")
		}
		drain(t, b, "s1", 5*time.Second, time.Second)
		time.Sleep(6 * time.Second)
		if got := w.grants(); len(got) != 1 || got[0] != b.Server("s2") {
			t.Errorf("granted %v", got)
		}
	})
}

func TestADrainThatNobodyObeysEndsAndSaysSo(t *testing.T) {
	e := easer{deaf: true}
	bubble(t, proxy(2, cookies), e.env(), func(t *testing.T, b *Backend) {
		s := b.Server("s1")
		tunnels(b, s, 3, s.WebSockets)
		drain(t, b, "s1", 5*time.Second, time.Second)
		time.Sleep(8 * time.Second)
		if got := e.said("is drained after"); stageOf(s) != Over || !strings.Contains(got, " 3 left.") {
			t.Errorf("%s: %q", stageOf(s), got)
		}
		for range 3 {
			s.WebSockets.Add(0, -1)
			s.Release(0)
		}
	})
}

func TestTheLastServerIsDrainedOfTunnelsOnlyAtTheDeadline(t *testing.T) {
	var e easer
	bubble(t, proxy(1, cookies), e.env(), func(t *testing.T, b *Backend) {
		s := b.Server("s1")
		tunnels(b, s, 3, s.WebSockets)
		drain(t, b, "s1", 20*time.Second, time.Second)
		time.Sleep(19 * time.Second)
		if name, _ := visit(b, 1<<62); name != "s1" || s.WebSockets.Load() != 3 {
			t.Errorf("a user gets %s, %d WebSockets are left; there is nowhere else to go", name, s.WebSockets.Load())
		}
		time.Sleep(2 * time.Second)
		if name, _ := visit(b, 1<<62); name != "s1" || s.WebSockets.Load() != 0 {
			t.Errorf("behind the deadline a user gets %s, %d WebSockets are left", name, s.WebSockets.Load())
		}
	})
}

func TestWhatBecomesOfADrain(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(t *testing.T, b *Backend)
		stage string // "" none
	}{
		{"ready stops it", func(t *testing.T, b *Backend) { order(t, b, "s1", Ready) }, ""},
		{"maint stops it", func(t *testing.T, b *Backend) { order(t, b, "s1", Maint) }, ""},
		{"a drain without a deadline takes the deadline away", func(t *testing.T, b *Backend) { order(t, b, "s1", Drain) }, "lasting"},
		{"a reload keeps it", func(t *testing.T, b *Backend) { b.must(t, Apply{Cfg: proxy(2, cookies)}) }, "moving"},
		{"a reload that removes the server keeps it", func(t *testing.T, b *Backend) {
			s := b.Server("s1")
			b.slot(s)
			p := proxy(2, cookies)
			p.Servers = p.Servers[1:]
			b.must(t, Apply{Cfg: p})
			time.Sleep(62 * time.Second)
			if stageOf(s) != Over {
				t.Errorf("it does not end: %s", stageOf(s))
			}
			b.must(t, Apply{Cfg: proxy(2, cookies)})
			s.Release(0)
		}, "over"},
		{"another deadline takes its place", func(t *testing.T, b *Backend) {
			drain(t, b, "s1", time.Hour, time.Minute)
			time.Sleep(2 * time.Minute)
			visit(b, 0)
			time.Sleep(time.Second)
			if left := b.Server("s1").State().Drain.Left(time.Now()); left != 58*time.Minute-time.Second {
				t.Errorf("%v are left", left)
			}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, proxy(2, cookies), Env{}, func(t *testing.T, b *Backend) {
				drain(t, b, "s1", time.Minute, 10*time.Second)
				time.Sleep(time.Second)
				c.then(t, b)
				synctest.Wait()
				if n := b.Server("s1").Counters.Sum(Drains); n != 1 {
					t.Errorf("%d drains were begun", n)
				}
				d, got := b.Server("s1").State().Drain, ""
				if d != nil {
					got = d.Stage.String()
				}
				if c.name != "another deadline takes its place" && got != c.stage {
					t.Errorf("stage %q, want %q", got, c.stage)
				}
				if c.stage == "" && d == nil {
					if picks := strings.Join(picks(b, 4), " "); c.name == "ready stops it" && !strings.Contains(picks, "s1") {
						t.Errorf("picked %s", picks)
					}
				}
			})
		})
	}
}

func TestForcePersistReachesADrainedServer(t *testing.T) {
	d := &Draining{Stage: Over, Tally: new(DrainTally)}
	bubble(t, proxy(2, cookies), Env{}, func(t *testing.T, b *Backend) {
		sn := b.Snapshot()
		var date dated
		if !d.moves(b.Server("s1"), sn, &Args{}, &date) {
			t.Fatal("a drain that is over keeps a user")
		}
		sn.cookies["c1"] = holder{srv: b.Server("s1"), leaves: d}
		c := Choice{Forced: true}
		if srv := sn.designated(&Args{Cookie: []byte("c1")}, []byte("c1"), &c); srv != b.Server("s1") {
			t.Errorf("force-persist leads to %v", srv)
		}
	})
}

func TestRequestsOfUsersWhoStayAreCountedOverTenSeconds(t *testing.T) {
	bubble(t, proxy(2, cookies), Env{}, func(t *testing.T, b *Backend) {
		order(t, b, "s1", Drain)
		s := b.Server("s1")
		time.Sleep(500 * time.Millisecond) // between two seconds of the backend's: which comes first at the same time is open
		for range 30 {
			visit(b, 1<<62)
			visit(b, 0)
			time.Sleep(time.Second)
		}
		if got := s.State().Drain.Tally.Lately.Load(); got != 20 {
			t.Errorf("%d in the last ten seconds, want 20", got)
		}
		time.Sleep(11 * time.Second)
		if got := s.State().Drain.Tally.Lately.Load(); got != 0 || stageOf(s) != Lasting {
			t.Errorf("%d in the last ten seconds, want 0", got)
		}
	})
}

func TestPickFromADrainedServerAllocatesNothing(t *testing.T) {
	b := running(t, proxy(2, cookies), Env{})
	drain(t, b, "s1", time.Hour, 10*time.Second)
	a := &Args{Cookie: []byte("c1")}
	if n := testing.AllocsPerRun(100, func() {
		a.Idle = 0
		b.Pick(a).Srv.Release(0)
		a.Idle = time.Hour
		b.Pick(a).Srv.Release(0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
