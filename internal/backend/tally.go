package backend

type loopTally struct {
	n own
	_ [counterLine - 8]byte
}

// A Tally is a number of now, kept per loop: a loop changes its own part only,
// anybody may read.
type Tally struct {
	loops []loopTally
}

func newTally(loops int) *Tally { return &Tally{loops: make([]loopTally, max(loops, 1))} }

// Add changes the part of a loop.
func (t *Tally) Add(loop int, n int64) { t.loops[loop].n.add(n) }

// Of is the part of a loop.
func (t *Tally) Of(loop int) int64 { return t.loops[loop].n.load() }

// Load is the sum of all parts.
func (t *Tally) Load() int64 {
	var n int64
	for i := range t.loops {
		n += t.loops[i].n.load()
	}
	return n
}
