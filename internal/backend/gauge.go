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

// Claim promises a place below limit to a caller that does not know yet whether it
// will need it: with the promises to others the number stays within the limit. It
// reports whether there was one; Unclaim must follow, behind Enter if the
// place is taken. The number itself shows no promises. A limit of 0 or less is none.
func (g *Gauge) Claim(limit int64) bool {
	n := g.claimed.Add(1) // before cur is read: whoever comes later counts this promise
	if limit <= 0 || g.cur.Load()+n <= limit {
		return true
	}
	g.claimed.Add(-1)
	return false
}

// Unclaim ends the promise of a Claim.
func (g *Gauge) Unclaim() { g.claimed.Add(-1) }
