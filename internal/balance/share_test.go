package balance

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSharesAreWhatLookupGives holds the arcs against a count of looked up hashes.
func TestSharesAreWhatLookupGives(t *testing.T) {
	const tries = 1 << 18
	entries := []Entry{{ID: 1, Weight: 16}, {ID: 2, Weight: 160}, {ID: 3, Weight: 0}, {ID: 4, Weight: 48}}
	ring, table := NewRing(entries), Map(entries)
	for name, tt := range map[string]struct {
		shares []float64
		lookup func(uint32) int
	}{
		"ring": {ring.Shares(len(entries)), ring.Lookup},
		"map":  {table.Shares(len(entries)), table.Lookup},
	} {
		random, counts, sum := rand.New(rand.NewPCG(1, 2)), make([]int, len(entries)), 0.0
		for range tries {
			counts[tt.lookup(random.Uint32())]++
		}
		for i, s := range tt.shares {
			sum += s
			if got := float64(counts[i]) / tries; math.Abs(got-s) > 0.005 {
				t.Errorf("%s: entry %d has a share of %.4f, and %.4f of the hashes", name, i, s, got)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: the shares add up to %v", name, sum)
		}
	}
}

func TestSharesOfFewPoints(t *testing.T) {
	for name, tt := range map[string]struct {
		ring *Ring
		want []float64
	}{
		"none":     {NewRing(nil), []float64{0, 0}},
		"one":      {&Ring{keys: []uint32{7}, owners: []int32{1}}, []float64{0, 1}},
		"same key": {&Ring{keys: []uint32{7, 7}, owners: []int32{0, 1}}, []float64{0.5, 0.5}},
	} {
		got := tt.ring.Shares(2)
		for i := range tt.want {
			if math.Abs(got[i]-tt.want[i]) > 1e-6 {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
			}
		}
	}
}
