package backend

// EnterBelow takes one more if the number is under limit, and reports whether
// it did; a limit of 0 or less is none.
func (g *Gauge) EnterBelow(limit int64) bool {
	if limit <= 0 {
		g.Enter()
		return true
	}
	for {
		n := g.cur.Load()
		if n >= limit {
			return false
		}
		if g.cur.CompareAndSwap(n, n+1) {
			g.raise(n + 1)
			return true
		}
	}
}

// raise lifts the maximum to n.
func (g *Gauge) raise(n int64) {
	for m := g.max.Load(); n > m; m = g.max.Load() {
		if g.max.CompareAndSwap(m, n) {
			return
		}
	}
}
