package sim

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("seeds", 1000, "how many seeds to play")
	first = flag.Uint64("seed", 0, "the first of them; with -seeds 1 its course of events is told")
)

// inBubble plays a seed in virtual time.
func inBubble(t *testing.T, seed uint64, p plant, verbose bool) (o outcome) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { o = play(seed, p, verbose) })
	return o
}

// Whatever goes wrong, nothing is answered or executed twice that may not be,
// nothing is lost that could be saved, and all is as before in the end.
func TestSeeds(t *testing.T) {
	if *seeds == 1 {
		o := inBubble(t, *first, nothing, true)
		t.Log(o)
		if len(o.faults) > 0 {
			t.Fail()
		}
		return
	}
	var next, requests, tries, asked atomic.Int64
	t.Run("", func(t *testing.T) { // returns when all of them have
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("part ", i), func(t *testing.T) {
				t.Parallel()
				for !t.Failed() {
					n := next.Add(1) - 1
					if n >= int64(*seeds) {
						return
					}
					seed := *first + uint64(n)
					o := inBubble(t, seed, nothing, false)
					requests.Add(int64(o.requests))
					tries.Add(int64(o.tries))
					asked.Add(int64(o.asked))
					if len(o.faults) > 0 {
						t.Errorf("%v\nagain: go test ./test/sim -run TestSeeds -seeds 1 -seed %d", inBubble(t, seed, nothing, true), seed)
					}
				}
			})
		}
	})
	t.Logf("%d seeds, %d requests, %d tries, %d of them for an error", *seeds, requests.Load(), tries.Load(), asked.Load())
}

// A seed plays the same again, to the last event.
func TestASeedReplays(t *testing.T) {
	for seed := range uint64(20) {
		one, two := inBubble(t, seed, nothing, true), inBubble(t, seed, nothing, true)
		for i := range min(len(one.lines), len(two.lines)) {
			if one.lines[i] != two.lines[i] {
				t.Fatalf("seed %d differs:\n%s\n%s", seed, one.lines[i], two.lines[i])
			}
		}
		if !slices.Equal(one.lines, two.lines) {
			t.Fatalf("seed %d has %d events, and %d", seed, len(one.lines), len(two.lines))
		}
	}
}

// Seeds that once found a fault: a full queue, a budget taken for nothing, a slot
// of the server that had failed the request, and a shunned server that was not asked although no other one had room.
func TestSeedsThatFoundAFault(t *testing.T) {
	for _, seed := range []uint64{3759, 3988, 5132, 7505, 7821} {
		if o := inBubble(t, seed, nothing, false); len(o.faults) > 0 {
			t.Errorf("seed %d: %v", seed, o)
		}
	}
}
