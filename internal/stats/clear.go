package stats

import "bascule/internal/backend"

// Clear is "clear counters": it forgets maxima. With all it also sets the
// totals of frontends, backends and servers to zero, "clear counters all".
func Clear(src *Source, all bool) {
	for _, f := range src.Frontends() {
		clearOne(f.Counters, all, &f.Cur)
		for _, b := range f.Bounds() {
			if all {
				b.Counters.Clear()
			}
			b.Cur.ClearMax()
		}
	}
	for _, b := range src.Backends() {
		b.Times.ClearMax()
		clearOne(b.Counters, all, &b.Cur, &b.Queue)
		b.Rate.ClearMax()
		for _, s := range b.Servers() {
			s.Times.ClearMax()
			clearOne(s.Counters, all, &s.Cur, &s.Queue)
			s.Rate.ClearMax()
		}
	}
	src.Rates.clear()
	if src.ClearMax != nil {
		src.ClearMax()
	}
}

func clearOne(c *backend.Counters, all bool, gauges ...*backend.Gauge) {
	if all {
		c.Clear()
	}
	for _, g := range gauges {
		g.ClearMax()
	}
}
