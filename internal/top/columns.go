package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bascule/internal/terminal"
)

// A column of the table, but for the first, the name.
type column struct {
	title string
	width int // with one blank in front
	keep  int // those with small numbers stay when the terminal is narrow
	text  func(*Row) string
	style func(*Row) string
	order func(a, b *Row) int // nil: the table is not sorted by it; the greatest first
	left  bool                // the text stands on the left
	shown func(m *Model) bool // nil: always
}

var columns = []column{
	{title: "state", width: 13, keep: 0, left: true, text: func(r *Row) string { return r.State }, style: stateStyle,
		order: func(a, b *Row) int { return cmp.Compare(severity(a), severity(b)) }},
	{title: "sess", width: 7, keep: 1, text: func(r *Row) string { return short(float64(r.Sessions)) },
		order: func(a, b *Row) int { return cmp.Compare(a.Sessions, b.Sessions) }},
	{title: "max", width: 7, keep: 9, text: func(r *Row) string { return short(float64(r.Max)) }},
	{title: "limit", width: 7, keep: 10, text: func(r *Row) string {
		if r.Limit == 0 {
			return "-"
		}
		return short(float64(r.Limit))
	}},
	{title: "queue", width: 7, keep: 3, text: func(r *Row) string { return short(float64(r.Queue)) }, style: warns(func(r *Row) bool { return r.Queue > 0 }),
		order: func(a, b *Row) int { return cmp.Compare(a.Queue, b.Queue) }},
	{title: "req/s", width: 8, keep: 1, text: func(r *Row) string { return short(r.Rate) },
		order: func(a, b *Row) int { return cmp.Compare(a.Rate, b.Rate) }},
	{title: "err/s", width: 7, keep: 2, text: func(r *Row) string { return short(r.Errors) }, style: fails(func(r *Row) bool { return r.Errors > 0 }),
		order: func(a, b *Row) int { return cmp.Compare(a.Errors, b.Errors) }},
	{title: "p50", width: 8, keep: 5, text: func(r *Row) string { return took(r.P50) }, shown: (*Model).tellsPercentiles},
	{title: "p99", width: 8, keep: 4, text: func(r *Row) string { return took(r.P99) }, shown: (*Model).tellsPercentiles,
		order: func(a, b *Row) int { return cmp.Compare(a.P99, b.P99) }},
	{title: "avg", width: 8, keep: 4, text: func(r *Row) string { return took(r.Average) }, shown: func(m *Model) bool { return !m.tellsPercentiles() },
		order: func(a, b *Row) int { return cmp.Compare(a.Average, b.Average) }},
	{title: "ws", width: 7, keep: 4, text: func(r *Row) string {
		if r.WebSockets < 0 {
			return "-"
		}
		return short(float64(r.WebSockets))
	}, shown: func(m *Model) bool { return slices.ContainsFunc(m.Rows, func(r Row) bool { return r.WebSockets >= 0 }) },
		order: func(a, b *Row) int { return cmp.Compare(a.WebSockets, b.WebSockets) }},
	{title: "in/s", width: 8, keep: 7, text: func(r *Row) string { return short(r.In) }},
	{title: "out/s", width: 8, keep: 6, text: func(r *Row) string { return short(r.Out) },
		order: func(a, b *Row) int { return cmp.Compare(a.Out, b.Out) }},
	{title: "weight", width: 7, keep: 5, text: func(r *Row) string {
		if r.Kind == kindFrontend {
			return "-"
		}
		return fmt.Sprint(r.Weight)
	}},
	{title: "since", width: 7, keep: 8, text: func(r *Row) string { return age(r.Since) }},
	{title: "check", width: 12, keep: 8, left: true, text: func(r *Row) string { return strings.TrimSpace(r.Check + " " + r.Stage) }},
}

func (m *Model) tellsPercentiles() bool { return m.steps != nil }

// fitting are the columns for which there is room behind the name.
func fitting(m *Model, room int) []column {
	var all []column
	for _, c := range columns {
		if c.shown == nil || c.shown(m) {
			all = append(all, c)
		}
	}
	byKeep := slices.Clone(all)
	slices.SortStableFunc(byKeep, func(a, b column) int { return cmp.Compare(a.keep, b.keep) })
	in := map[string]bool{}
	for _, c := range byKeep {
		if c.width > room {
			break // a less important one does not jump the queue
		}
		room -= c.width
		in[c.title] = true
	}
	return slices.DeleteFunc(all, func(c column) bool { return !in[c.title] })
}

// severity orders states: what serves last.
func severity(r *Row) int {
	switch word, _, _ := strings.Cut(r.State, " "); {
	case word == "DOWN" || word == "STOP":
		return 4
	case word == "NOLB" || word == "DRAIN" || word == "FULL":
		return 3
	case word == "MAINT":
		return 2
	case strings.Contains(r.State, "/"):
		return 1
	}
	return 0
}

func stateStyle(r *Row) string {
	switch severity(r) {
	case 4:
		return terminal.Red
	case 0:
		return terminal.Green
	}
	return terminal.Yellow
}

func warns(is func(*Row) bool) func(*Row) string { return styled(is, terminal.Yellow) }
func fails(is func(*Row) bool) func(*Row) string { return styled(is, terminal.Red) }

func styled(is func(*Row) bool, style string) func(*Row) string {
	return func(r *Row) string {
		if is(r) {
			return style
		}
		return ""
	}
}

// short is a number in at most six characters.
func short(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 10 && n != float64(int64(n)):
		return fmt.Sprintf("%.1f", n)
	case n < 100_000:
		return fmt.Sprintf("%.0f", n)
	}
	for _, unit := range "kMGT" {
		n /= 1000
		if n < 999.5 {
			return fmt.Sprintf("%.3g%c", n, unit)
		}
	}
	return fmt.Sprintf("%.0fP", n/1000)
}

// took is a time of a request, in ms or s.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// age is a time of days to seconds, in its two greatest units.
func age(d time.Duration) string {
	s := int64(d.Seconds())
	switch {
	case d < 0:
		return "-"
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
