package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Finish compares the sides and says whether the report passed: every fault that the
// first side was to run did and passed, and in nothing was it worse than another side.
func (r *Report) Finish() {
	r.Compared = Compare(r.Sides)
	r.Passed = len(r.Sides) > 0 && len(r.Sides[0].Results) > 0
	for _, c := range r.Compared {
		r.Passed = r.Passed && !c.Worse()
	}
	for _, side := range r.Sides[:min(1, len(r.Sides))] {
		for _, result := range side.Results {
			if result.Verdict == Failed || result.Verdict == NotRun {
				r.Passed = false
			}
		}
	}
}

// JSON writes the report as one object.
func JSON(w io.Writer, r *Report) error {
	out := json.NewEncoder(w)
	out.SetIndent("", " ")
	return out.Encode(r)
}

// Table writes the report for a terminal.
func Table(w io.Writer, r *Report) error {
	fmt.Fprintf(w, "%d requests/s by the clock (%s), %d WebSockets, seed %d; %s\n", r.Rate, r.Mix, r.Sockets, r.Seed, r.Machine)
	for _, side := range r.Sides {
		fmt.Fprintf(w, "\n%s\n", side.Name)
		if err := writeSide(w, side); err != nil {
			return err
		}
		for _, result := range side.Results {
			for _, what := range slices.Concat(result.Failures, result.Notes, result.Examples) {
				fmt.Fprintf(w, "  %s: %s\n", result.Name, what)
			}
		}
	}
	if len(r.Compared) > 0 {
		fmt.Fprintf(w, "\n%s against the others\n", r.Sides[0].Name)
		if err := writeCompared(w, r.Compared); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s in %.0f s\n", map[bool]string{true: "passed", false: "FAILED"}[r.Passed], r.Took.Seconds())
	return err
}

func writeSide(w io.Writer, side Side) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join([]string{"fault", "requests", "lost", "cut", "twice", "late", "p50", "p99", "sticky p99", "longest",
		"DOWN", "UP", "silence", "told/on it", "messages", "tracks moved", "verdict"}, "\t")+"\t")
	for _, r := range side.Results {
		if !r.ran() {
			fmt.Fprintf(t, "%s%s%s\t\n", r.Name, strings.Repeat("\t", 16), r.Verdict)
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d/%d\t%d/%d\t%d/%d\t%s\t\n", r.Name, r.Total.Sent, r.Total.Lost,
			r.Total.Cut+r.Total.Short, r.Total.Twice, r.Total.Late, ms(r.Outage.P50), ms(r.Outage.P99), ms(r.StickyOutage.P99), ms(r.Outage.Max),
			ms(r.Detect), ms(r.Back), ms(r.Silence), r.Sockets.Told, r.Sockets.OnVictims, r.Sockets.Lost, r.Sockets.Doubled, r.TracksMoved, r.Tracks, r.Verdict)
	}
	if sum := total(side); sum.Passed+sum.Failed > 1 {
		fmt.Fprintf(t, "all\t%d\t%d\t%d\t%d\t%d%s%d/%d%s%d passed\t\n", sum.Sent, sum.Lost, sum.Cut+sum.Short, sum.Twice, sum.Late,
			strings.Repeat("\t", 9), sum.Told, sum.OnVictims, strings.Repeat("\t", 3), sum.Passed)
	}
	return t.Flush()
}

func writeCompared(w io.Writer, all []Comparison) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "fault\tagainst\tlost + twice\tp99\tsticky p99\tdetection\tsilence\t")
	for _, c := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Fault, c.Against, c.Losses, c.P99, c.Sticky, c.Detect, c.Silence)
	}
	return t.Flush()
}
