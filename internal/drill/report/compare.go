package report

import (
	"time"

	"bascule/internal/drill/traffic"
)

// Ways in which one figure stands to another.
const (
	Better = "better"
	Equal  = "equal"
	Worse  = "worse"
)

// Comparison is how the first side did against another one on a fault.
type Comparison struct {
	Fault   string `json:"fault"`
	Against string `json:"against"`
	// Losses is about lost, cut and forbidden second executions together; P99 and Sticky
	// about the outage, where what was lost counts as never answered: who gives up at once
	// is not faster than who answers late; Detect about detection.
	Losses string `json:"losses"`
	P99    string `json:"p99"`
	Sticky string `json:"sticky_p99"`
	Detect string `json:"detect"`
	// Silence is about how long nobody was answered, where all servers fail.
	Silence string `json:"silence"`
}

// Worse says whether any of them is.
func (c Comparison) Worse() bool {
	return c.Losses == Worse || c.P99 == Worse || c.Sticky == Worse || c.Detect == Worse || c.Silence == Worse
}

const (
	// equalShare and equalTime are within what two p99s count as equal; equalSilence is
	// for the longest gap, which is a single figure and as noisy as one.
	equalShare   = 0.10
	equalTime    = 5 * time.Millisecond
	equalSilence = 100 * time.Millisecond
)

// Compare holds the first side against the others, fault by fault. What did not run on
// both is not compared.
func Compare(sides []Side) []Comparison {
	var all []Comparison
	for i := 1; i < len(sides); i++ {
		for _, own := range sides[0].Results {
			for _, other := range sides[i].Results {
				if own.Name == other.Name && own.ran() && other.ran() {
					all = append(all, compare(own, other, sides[i].Name))
				}
			}
		}
	}
	return all
}

func (r *Result) ran() bool { return r.Verdict == Passed || r.Verdict == Failed }

// Losses is the row of the promise: lost, cut, and POSTs or keyed requests executed twice.
func (r *Result) Losses() int {
	n := r.Total.Lost + r.Total.Cut + r.Total.Short + r.Total.Vanished
	for _, k := range r.Kinds {
		if class := classNamed(k.Kind); class == Plain || class == Keyed {
			n += k.Twice
		}
	}
	return n
}

func compare(own, other Result, against string) Comparison {
	c := Comparison{Fault: own.Name, Against: against}
	switch a, b := own.Losses(), other.Losses(); {
	case a < b:
		c.Losses = Better
	case a > b:
		c.Losses = Worse
	default:
		c.Losses = Equal
	}
	c.P99 = compareTimes(own.Outage.Answered99, other.Outage.Answered99, equalTime)
	c.Sticky = compareTimes(own.StickyOutage.Answered99, other.StickyOutage.Answered99, equalTime)
	c.Detect = Equal
	if own.Detects {
		c.Detect = compareTimes(own.Detect, other.Detect, equalTime)
	}
	if c.Silence = Equal; own.Everybody {
		c.Silence = compareTimes(own.Silence, other.Silence, equalSilence)
	}
	return c
}

// compareTimes takes two times that differ little as equal: by less than a tenth, or than
// differs. Never is the longest.
func compareTimes(own, other, differs time.Duration) string {
	switch {
	case own == other:
		return Equal
	case own == Never:
		return Worse
	case other == Never:
		return Better
	}
	within := max(differs, time.Duration(equalShare*float64(other)))
	switch {
	case own > other+within:
		return Worse
	case own < other-within:
		return Better
	}
	return Equal
}

// classNamed is the class of a kind by its name.
func classNamed(name string) Class {
	for kind, class := range classOf {
		if traffic.Kind(kind).String() == name {
			return class
		}
	}
	return 0
}
