package main

import "fmt"

// limitOfPairs is how much dearer the new binary may be: less is seldom to be told
// from the layout of the code.
const limitOfPairs = 1.03

// A comparison is what the turns of two binaries under one row say.
type comparison struct {
	Row    string  `json:"row"`
	Before float64 `json:"before"` // the medians of both
	After  float64 `json:"after"`
	interval
	Limit   float64      `json:"limit"`
	Verdict string       `json:"verdict"`
	Turns   [][2]float64 `json:"turns"` // before and after
}

// The verdicts of a comparison.
const (
	withinLimit = "within" // the whole interval is at most the limit
	aboveLimit  = "above"  // the whole interval is above it
	undecided   = "undecided"
)

// comparePairs says what figures of which less is better tell, taken in turns.
func comparePairs(before, after []float64, limit float64) comparison {
	c := comparison{Before: middle(before), After: middle(after), interval: compareTurns(after, before), Limit: limit, Verdict: undecided}
	for i := range before {
		c.Turns = append(c.Turns, [2]float64{before[i], after[i]})
	}
	switch {
	case c.High <= limit:
		c.Verdict = withinLimit
	case c.Low > limit:
		c.Verdict = aboveLimit
	}
	return c
}

// String is the comparison as a person reads it.
func (c comparison) String() string {
	text := fmt.Sprintf("%s: %.2f before, %.2f after; ratio %.3f, %.1f %% interval %.3f to %.3f, %d turns; ",
		c.Row, c.Before, c.After, c.Ratio, 100*c.Coverage, c.Low, c.High, len(c.Turns))
	switch c.Verdict {
	case withinLimit:
		return text + fmt.Sprintf("within the limit of %.2f", c.Limit)
	case aboveLimit:
		return text + fmt.Sprintf("ABOVE the limit of %.2f", c.Limit)
	}
	return text + fmt.Sprintf("undecided about the limit of %.2f: take more --turns or a quieter machine", c.Limit)
}
