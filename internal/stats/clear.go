package stats

import "bascule/internal/backend"

// Clear is "clear counters": it forgets maxima. With all it also sets the
// totals of frontends, backends and servers to zero, "clear counters all".
func Clear(src *Source, all bool) {
	for _, f := range src.Frontends() {
		clearOne(f.Counters, f.Times, all, &f.Cur)
	}
	for _, b := range src.Backends() {
		clearOne(b.Counters, b.Times, all, &b.Cur, &b.Queue)
		b.Rate.ClearMax()
		for _, s := range b.Servers() {
			clearOne(s.Counters, s.Times, all, &s.Cur, &s.Queue)
			s.Rate.ClearMax()
		}
	}
	src.Rates.clear()
}

func clearOne(c *backend.Counters, t *backend.Times, all bool, gauges ...*backend.Gauge) {
	if all {
		c.Clear()
	}
	t.ClearMax()
	for _, g := range gauges {
		g.ClearMax()
	}
}
