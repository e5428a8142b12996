package backend

import (
	"math/bits"
	"time"
)

// A Phase is a part of a request's time that is counted apart.
type Phase uint8

// The phases. Total is from the first byte of a request to the end of its
// reply; a WebSocket, whose length says nothing about speed, counts as
// WebSocket instead.
const (
	PhaseQueue Phase = iota
	PhaseConnect
	PhaseResponse
	PhaseTotal
	PhaseWebSocket
	numLatencies
)

// LatencySteps is how many counts a histogram has: one for each bound and one
// for what is above the last.
const LatencySteps = 19

// unit is what times are counted in: a request's in microseconds, those of
// WebSockets ten thousand times coarser, so that one table of bounds serves both.
func (p Phase) unit() time.Duration {
	if p == PhaseWebSocket {
		return 10 * time.Millisecond
	}
	return time.Microsecond
}

// latencyBounds are the upper bounds in units, each with what is equal to it:
// of requests 100 µs to 60 s, of WebSockets 1 s to a week, about. Each is at
// least twice the one before, so that among the numbers of one length in bits
// there is one bound at most: finding the step is a look into latencyTable and
// one comparison.
var latencyBounds = [LatencySteps - 1]int64{
	100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
	1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 60_000_000,
}

// LatencyBound is the upper bound of a step below the last.
func LatencyBound(p Phase, step int) time.Duration {
	return time.Duration(latencyBounds[step]) * p.unit()
}

// A latencyEntry is for the numbers of one length in bits: the first step that
// they may belong to, and its bound, above which they belong to the next.
type latencyEntry struct {
	bound int64
	step  uint8
}

// latencyTable has an entry for each result of bits.Len64.
var latencyTable = func() (table [bits.UintSize + 1]latencyEntry) {
	for n := range table {
		least := int64(0)
		if n > 0 {
			least = 1 << min(n-1, 62) // a time is no negative number, so there are none of 64 bits
		}
		e := &table[n]
		for int(e.step) < len(latencyBounds) && latencyBounds[e.step] < least {
			e.step++
		}
		if e.bound = 1<<63 - 1; int(e.step) < len(latencyBounds) {
			e.bound = latencyBounds[e.step]
		}
	}
	return table
}()

func latencyStep(units int64) uint8 {
	e := &latencyTable[bits.Len64(uint64(units))]
	if units > e.bound {
		return e.step + 1
	}
	return e.step
}

// Spent is what one request spent in each phase, made once and then counted by
// its frontend, backend and server. The zero value is nothing spent.
type Spent struct {
	n    int
	list [numLatencies]spentIn
}

// spentIn is the time in one phase.
type spentIn struct {
	at    uint8 // phase × LatencySteps + step
	phase Phase
	units int64
}

// Set says that the request was so long in a phase, in nanoseconds; once for each.
func (s *Spent) Set(p Phase, nanos int64) {
	v := max(nanos, 0)
	if p == PhaseWebSocket { // not p.unit(): a division by a constant is a multiplication
		v /= int64(10 * time.Millisecond)
	} else {
		v /= int64(time.Microsecond)
	}
	s.list[s.n] = spentIn{uint8(p)*LatencySteps + latencyStep(v), p, v}
	s.n++
}

type loopLatency struct {
	n   [int(numLatencies) * LatencySteps]own
	sum [numLatencies]own // in units
	_   [counterLine]byte // so that loops do not disturb each other
}

// Latency counts what requests spent in their phases. Each loop adds to its
// own; anybody may read. Nothing sets it back: who wants a part of it takes the
// difference of two readings.
type Latency struct{ loops []loopLatency }

// NewLatency makes the histograms of one frontend, backend or server.
func NewLatency(loops int) *Latency { return &Latency{loops: make([]loopLatency, loops)} }

// Add counts a request that ended on a loop.
func (l *Latency) Add(loop int, s *Spent) {
	of := &l.loops[loop]
	for i := range s.list[:s.n] {
		e := &s.list[i]
		of.n[e.at].add(1)
		of.sum[e.phase].add(e.units)
	}
}

// Of is what was counted of a phase so far.
func (l *Latency) Of(p Phase) Histogram {
	h := Histogram{Phase: p}
	for i := range l.loops {
		of := &l.loops[i]
		for step := range h.Counts {
			h.Counts[step] += of.n[int(p)*LatencySteps+step].load()
		}
		h.Sum += time.Duration(of.sum[p].load()) * p.unit()
	}
	return h
}

// A Histogram is how many requests took how long.
type Histogram struct {
	Phase  Phase
	Counts [LatencySteps]int64 // of each step alone, not of those below
	Sum    time.Duration
}

// Count is how many were counted.
func (h *Histogram) Count() (n int64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Since is what was counted after an earlier reading.
func (h *Histogram) Since(before *Histogram) Histogram {
	d := *h
	for i := range d.Counts {
		d.Counts[i] -= before.Counts[i]
	}
	d.Sum -= before.Sum
	return d
}

// Quantile is the time that a part q of the requests did not exceed, 0.99 for
// the 99th percentile: a straight line within the step where it lies, as
// Prometheus' histogram_quantile has it; above the last bound it is that. It is
// -1 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	all := h.Count()
	if all <= 0 {
		return -1
	}
	rank, below := q*float64(all), 0.0
	var low time.Duration
	for step := range LatencySteps - 1 {
		high, n := LatencyBound(h.Phase, step), float64(h.Counts[step])
		if n > 0 && below+n >= rank {
			return low + time.Duration((rank-below)/n*float64(high-low))
		}
		low, below = high, below+n
	}
	return low
}
