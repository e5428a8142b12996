package backend

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestATimeBelongsToTheFirstStepWhoseBoundItDoesNotExceed(t *testing.T) {
	check := func(v int64) {
		t.Helper()
		want := slices.IndexFunc(latencyBounds[:], func(bound int64) bool { return v <= bound })
		if want < 0 {
			want = LatencySteps - 1
		}
		if got := int(latencyStep(v)); got != want {
			t.Errorf("%d is in step %d, want %d", v, got, want)
		}
	}
	for i, bound := range latencyBounds {
		for v := bound - 2; v <= bound+2; v++ {
			check(v)
		}
		if i > 0 && bound < 2*latencyBounds[i-1] {
			t.Errorf("bound %d is less than twice the one before", bound)
		}
	}
	for n := range 63 {
		check(1 << n)
		check(1<<n - 1)
	}
	check(1<<63 - 1)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		check(rnd.Int64() >> rnd.IntN(63))
	}
}

func TestAHistogramHasWhatEveryLoopCounted(t *testing.T) {
	l := NewLatency(3)
	var wg sync.WaitGroup
	for loop := range 3 {
		wg.Go(func() { // ends by itself
			var s Spent
			s.Set(PhaseTotal, int64(20*time.Millisecond))
			s.Set(PhaseWebSocket, int64(90*time.Second))
			for range 100 {
				l.Add(loop, &s)
			}
		})
	}
	for range 10 {
		l.Of(PhaseTotal) // beside the loops
	}
	wg.Wait()
	h := l.Of(PhaseTotal)
	if h.Count() != 300 || h.Sum != 6*time.Second || h.Counts[7] != 300 {
		t.Errorf("total is %+v", h)
	}
	ws := l.Of(PhaseWebSocket)
	if ws.Count() != 300 || ws.Sum != 300*90*time.Second || ws.Counts[6] != 300 || LatencyBound(PhaseWebSocket, 6) != 100*time.Second {
		t.Errorf("WebSockets are %+v", ws)
	}
	if h = l.Of(PhaseConnect); h.Count() != 0 || h.Quantile(0.99) != -1 {
		t.Errorf("a phase that nobody reached is %+v, p99 %v", h, h.Quantile(0.99))
	}
}

func TestAQuantileIsOnTheLineWithinItsStep(t *testing.T) {
	h := Histogram{Phase: PhaseTotal}
	h.Counts[3], h.Counts[4] = 90, 10 // up to 1 ms, up to 2.5 ms
	for q, want := range map[float64]time.Duration{
		0.45: 750 * time.Microsecond, 0.9: time.Millisecond, 0.95: 1750 * time.Microsecond, 1: 2500 * time.Microsecond,
	} {
		if got := h.Quantile(q); (got - want).Abs() > time.Microsecond {
			t.Errorf("the quantile %v is %v, want %v", q, got, want)
		}
	}
	before := h
	h.Counts[LatencySteps-1] += 4
	late := h.Since(&before)
	if late.Count() != 4 || late.Quantile(0.5) != 60*time.Second {
		t.Errorf("of 4 above the last bound the median is %v", late.Quantile(0.5))
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	l := NewLatency(1)
	if n := testing.AllocsPerRun(100, func() { countOne(l, l, l, 1234567) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// countOne is what a request costs.
func countOne(fe, be, srv *Latency, nanos int64) {
	var s Spent
	for p := PhaseQueue; p <= PhaseTotal; p++ {
		s.Set(p, nanos)
	}
	fe.Add(0, &s)
	be.Add(0, &s)
	srv.Add(0, &s)
}

func BenchmarkLatency(b *testing.B) {
	fe, be, srv := NewLatency(1), NewLatency(1), NewLatency(1)
	for i := range b.N {
		countOne(fe, be, srv, int64(i)<<7&(1<<34-1))
	}
}
