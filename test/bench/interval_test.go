package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMedianIntervalTakesTheTabulatedRanks(t *testing.T) {
	// The ranks stand in every table of the sign test.
	for n, want := range map[int]struct {
		low, high int
		coverage  float64
	}{6: {1, 6, 0.9688}, 10: {2, 9, 0.9785}, 20: {6, 15, 0.9586}, 25: {8, 18, 0.9567}, 40: {14, 27, 0.9615}} {
		var v []float64
		for i := range n {
			v = append(v, float64(n-i)) // not sorted
		}
		low, high, coverage := medianInterval(v)
		if low != float64(want.low) || high != float64(want.high) || math.Abs(coverage-want.coverage) > 0.0001 {
			t.Errorf("%d values: got %v to %v with %.4f, want %d to %d with %.4f", n, low, high, coverage, want.low, want.high, want.coverage)
		}
	}
	if low, high, coverage := medianInterval([]float64{3, 1, 2}); low != 1 || high != 3 || coverage != 0.75 {
		t.Errorf("of three values got %v to %v with %v, want all of them with 0.75", low, high, coverage)
	}
}

func TestMedianIntervalHoldsTheTrueMedian(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	held, tries := 0, 4000
	for range tries {
		var v []float64
		for range leastTurns {
			v = append(v, math.Exp(rnd.NormFloat64())) // skewed; its median is 1
		}
		if low, high, _ := medianInterval(v); low <= 1 && 1 <= high {
			held++
		}
	}
	if share := float64(held) / float64(tries); share < 0.945 || share > 0.975 {
		t.Errorf("it held the median in %.3f of all tries, want some 0.959", share)
	}
}

func TestARatioIsThatOfTheTurns(t *testing.T) {
	// The machine is 30 % slower in half of the turns; its medians alone would differ.
	a := slices.Repeat([]float64{7, 9.1}, 10)
	b := slices.Repeat([]float64{10, 13}, 10)
	b[3] = 130
	c := compareTurns(a, b)
	if math.Abs(c.Ratio-0.7) > 1e-9 || math.Abs(c.Low-0.7) > 1e-9 || math.Abs(c.High-0.7) > 1e-9 || c.Coverage < 0.95 {
		t.Errorf("got %+v, want 0.7", c)
	}
	if got := c.String(); got != "0.700 (0.700–0.700)" {
		t.Errorf("got %q", got)
	}
	if got := compareTurns(a[:3], b[:3]).String(); got != "0.70" {
		t.Errorf("of three turns got %q, want the ratio alone", got)
	}
}
