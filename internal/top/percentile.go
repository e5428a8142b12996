package top

import (
	"strconv"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/drill"
)

// percentilesOver is over how much time percentiles are taken.
const percentilesOver = 30 * time.Second

// A window holds readings of a histogram, the oldest of which is about as old as
// percentiles reach back.
type window struct {
	at     []time.Time
	counts []backend.Histogram
}

// percentiles are those of the last half minute, or since the start when that is
// shorter; -1 where the process does not tell or nothing was asked.
func (m *Model) percentiles(r drill.Row) (p50, p99 time.Duration) {
	now, ok := parseSteps(r["ttime_steps"])
	if !ok {
		return -1, -1
	}
	if m.steps == nil {
		m.steps = map[string]*window{}
	}
	key := r["pxname"] + "/" + r["svname"]
	w := m.steps[key]
	if w == nil {
		w = &window{}
		m.steps[key] = w
	}
	if n := len(w.counts); n > 0 && w.counts[n-1].Count() > now.Count() {
		w.at, w.counts = nil, nil // "clear counters all"
	}
	w.at, w.counts = append(w.at, m.Now.At), append(w.counts, now)
	for len(w.at) > 2 && m.Now.At.Sub(w.at[1]) >= percentilesOver {
		w.at, w.counts = w.at[1:], w.counts[1:]
	}
	if len(w.counts) > 1 {
		now = now.Since(&w.counts[0])
	}
	return now.Quantile(0.5), now.Quantile(0.99)
}

// parseSteps reads how many requests took how long, "3:0:17:…" by the steps of
// backend.LatencyBound.
func parseSteps(text string) (h backend.Histogram, ok bool) {
	words := strings.Split(text, ":")
	if len(words) != backend.LatencySteps {
		return h, false
	}
	h.Phase = backend.PhaseTotal
	for i, word := range words {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || n < 0 {
			return h, false
		}
		h.Counts[i] = n
	}
	return h, true
}
