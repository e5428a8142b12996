package backend

import "sync/atomic"

// timesWindow is how many requests an average looks back on, as HAProxy's
// qtime, ctime, rtime and ttime do.
const timesWindow = 1024

// The phases of a request that Times averages, in the order of Add.
const (
	phaseQueue = iota
	phaseConnect
	phaseResponse
	phaseTotal
	numPhases
)

type loopTimes struct {
	n   own
	sum [numPhases]own // of the last timesWindow values, about
	_   [counterLine]byte
}

// Times are sliding averages and maxima of the phases of requests, in
// milliseconds. Each loop adds to its own; anybody may read.
type Times struct {
	loops []loopTimes
	max   [numPhases]atomic.Int64
}

// An Average is the four times of the statistics, in milliseconds: waiting in
// queues, connecting, waiting for the response, and the whole.
type Average struct{ Queue, Connect, Response, Total int64 }

// NewTimes makes times for that many loops, plus one slot (index loops) for
// goroutines outside the loops.
func NewTimes(loops int) *Times { return &Times{loops: make([]loopTimes, loops+1)} }

// Add counts one finished request, in milliseconds: queue, connect, response,
// total. A phase that was not reached (negative) counts as 0.
func (t *Times) Add(loop, queue, connect, response, total int) {
	l := &t.loops[loop]
	n := l.n.load()
	if n < timesWindow {
		l.n.set(n + 1)
	}
	for i, v := range [numPhases]int{queue, connect, response, total} {
		v := int64(max(v, 0))
		sum := l.sum[i].load()
		if n == timesWindow {
			sum -= (sum + timesWindow - 1) / timesWindow // one average value leaves the window
		}
		l.sum[i].set(sum + v)
		for m := t.max[i].Load(); v > m; m = t.max[i].Load() {
			if t.max[i].CompareAndSwap(m, v) {
				break
			}
		}
	}
}

// Average is the mean over the last requests, rounded up as HAProxy does.
func (t *Times) Average() Average {
	var n int64
	var sum [numPhases]int64
	for i := range t.loops {
		n += t.loops[i].n.load()
		for k := range sum {
			sum[k] += t.loops[i].sum[k].load()
		}
	}
	if n == 0 {
		return Average{}
	}
	mean := func(k int) int64 { return (sum[k] + n - 1) / n }
	return Average{mean(phaseQueue), mean(phaseConnect), mean(phaseResponse), mean(phaseTotal)}
}

// Max is the largest value of each phase since the start or the last ClearMax.
func (t *Times) Max() Average {
	return Average{t.max[phaseQueue].Load(), t.max[phaseConnect].Load(),
		t.max[phaseResponse].Load(), t.max[phaseTotal].Load()}
}

// ClearMax forgets the maxima (clear counters).
func (t *Times) ClearMax() {
	for i := range t.max {
		t.max[i].Store(0)
	}
}
