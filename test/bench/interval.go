package main

import (
	"fmt"
	"math"
	"slices"
)

// interval is how two proxies' figures compare: they were taken in turns, so that
// each turn has a ratio of its own.
type interval struct {
	Ratio    float64 `json:"ratio"` // the median of the turns' ratios
	Low      float64 `json:"low"`   // its interval
	High     float64 `json:"high"`
	Coverage float64 `json:"coverage"` // how sure the interval is, at least 0.95 from six turns on
}

// compareTurns is the ratio of the figures a to the figures b, turn by turn.
func compareTurns(a, b []float64) interval {
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i]/b[i])
	}
	c := interval{Ratio: middle(ratios)}
	c.Low, c.High, c.Coverage = medianInterval(ratios)
	return c
}

// String is the ratio, and its interval if it has one to rely on.
func (c interval) String() string {
	if c.Coverage < 0.95 {
		return fmt.Sprintf("%.2f", c.Ratio)
	}
	return fmt.Sprintf("%.3f (%.3f–%.3f)", c.Ratio, c.Low, c.High)
}

// middle is the median, of an even number the mean of the two in the middle.
func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// medianInterval is the narrowest symmetric interval between two of the values that
// holds the true median with a probability of at least 0.95, whatever their
// distribution: each value is above it with probability 1/2, so that the number
// of those is binomial (order statistics). With fewer than six values no such interval
// exists: then it is from the smallest to the largest, and the coverage less.
func medianInterval(v []float64) (low, high, coverage float64) {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	outside, rank := 0.0, 0 // of values that lie outside on one side
	for term := math.Pow(0.5, float64(n)); outside+term <= 0.025; rank++ {
		outside += term
		term *= float64(n-rank) / float64(rank+1)
	}
	if rank == 0 {
		return v[0], v[n-1], 1 - 2*math.Pow(0.5, float64(n))
	}
	return v[rank-1], v[n-rank], 1 - 2*outside
}
