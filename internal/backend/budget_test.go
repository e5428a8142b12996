package backend

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// spend counts how many of n replays the budget has.
func spend(g *budget, n int, fill int64) (had int) {
	for range n {
		if g.take(fill) {
			had++
		}
	}
	return had
}

func TestTheBudgetIsABurstAndAFifthOfTheLiveRate(t *testing.T) {
	var g budget
	if got := spend(&g, 100, 3); got != leastBurst {
		t.Errorf("the first burst is %d, want %d", got, leastBurst)
	}
	if got := spend(&g, 100, 3+50); got != 10 {
		t.Errorf("50 requests later there are %d, want 10", got)
	}
	g.raise(40)
	if got := spend(&g, 100, 1_000_000); got != 40 {
		t.Errorf("with 40 in flight the burst is %d, want 40", got)
	}
	if got := spend(&g, 100, 1_000_000-10); got != 0 {
		t.Errorf("a loop that is behind finds %d, want 0", got)
	}
	if got := spend(&g, 100, 5); got != 40 {
		t.Errorf("cleared counters leave %d, want a whole burst", got)
	}
	for range 100 {
		g.fade()
	}
	if got := spend(&g, 100, 1_000_000); got != leastBurst {
		t.Errorf("long after it the burst is %d, want %d", got, leastBurst)
	}
}

// However requests and failures come, replays are never more than the burst and
// a fifth of the requests, and who waits long enough has one.
func TestTheBudgetHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g budget
		var fill, had int64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			fill += rapid.Int64Range(0, 200).Draw(t, "requests")
			had += int64(spend(&g, rapid.IntRange(0, 60).Draw(t, "failures"), fill))
			if most := leastBurst + fill/replayShare; had > most {
				t.Fatalf("%d replays of %d requests, at most %d", had, fill, most)
			}
		}
		if !g.take(fill + replayShare) {
			t.Fatal("a fresh replay's worth of requests gave none")
		}
	})
}

func TestABackendMeasuresWhatIsInFlight(t *testing.T) {
	b := New(proxy(2), Env{})
	for range 25 {
		b.Server("s2").Cur.Enter()
	}
	n := 0
	for b.MayReplay() {
		n++
	}
	if n != 25 {
		t.Errorf("%d replays with 25 requests on a server, want 25", n)
	}
}

func TestRefusedReplaysAreToldOnceASecond(t *testing.T) {
	var told []string
	b := New(proxy(1), Env{Loops: 1, Notify: func(_ int, text string) { told = append(told, text) }})
	now := time.Now()
	for _, n := range []int64{0, 3, 0, 2} {
		b.Counters.Add(0, ReplaysRefused, n)
		now = now.Add(time.Second)
		b.sample(now)
	}
	b.Counters.Clear()
	b.sample(now.Add(time.Second))
	want := []string{
		"Backend be: 3 requests were lost in the last second that could have been sent again: the budget of replays is used up.",
		"Backend be: 2 requests were lost in the last second that could have been sent again: the budget of replays is used up.",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
