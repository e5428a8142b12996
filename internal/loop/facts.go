package loop

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// TurnSteps is how many steps the histogram of turn times has. Step n holds turns
// shorter than TurnBound(n), the last one all others.
const TurnSteps = 13

// turnShift makes the first step 65.536 µs; each next one is twice as long, up to
// 134 ms: from a turn with a few requests to one that users feel.
const turnShift = 16

// TurnBound is the upper end of a step of the histogram; the last has none.
func TurnBound(step int) time.Duration { return time.Duration(1) << (turnShift + step) }

const (
	// publishEvery is how old the figures may be while the loop is busy. They are
	// plain numbers of the loop's own and are copied for others so often, which
	// keeps a turn free of a dozen locked instructions.
	publishEvery = int64(100 * time.Millisecond)
	// cpuFresh is how old the note of the thread's CPU time is at a turn's start
	// at most, while the loop is busy: asking costs a call of half a microsecond,
	// too much for every turn, and is what a turn's CPU time is at most too long by.
	cpuFresh = int64(500 * time.Microsecond)
	// cpuAsk is from when on the CPU time of a turn is asked for; that of a shorter
	// one counts as the time it took, which it cannot exceed.
	cpuAsk = int64(time.Millisecond)
	// lateAfter is from when on a timer counts as late: far above what a turn takes.
	lateAfter = int64(10 * time.Millisecond)
)

// Facts are a loop's own figures at one moment, at most a second old. Times are
// nanoseconds; totals never go back, maxima are since the last ClearMax.
type Facts struct {
	Turns     int64
	Events    int64
	Busy      int64            // time spent outside the wait
	TurnTimes [TurnSteps]int64 // turns by how long they took
	MaxTurn   int64
	// TurnCPU has the same turns by the CPU time that the loop's thread spent in them,
	// up to half a millisecond of the turns before included: what the machine gave to
	// others meanwhile is not in it.
	TurnCPU    [TurnSteps]int64
	MaxTurnCPU int64

	Conns        int64 // open now, of clients and to servers
	Accepted     int64
	Moved        int64 // of those, given to another loop
	AcceptPauses int64 // no descriptor or no memory was left for another

	Mail        int64 // letters read
	MailWaiting int64 // now
	MailOldest  int64 // age of the oldest letter that waits now
	MaxMailAge  int64

	Timers     int64 // fired
	LateTimers int64 // of those, by more than 10 ms
	Panics     int64 // connections closed because handling them panicked

	Splices      int64 // passes through a pipe
	SplicedBytes int64
	Held         int64 // bytes of buffers in use, for input and output that has to wait
}

// counts are the figures as the loop keeps them.
type counts struct {
	Facts
	published int64 // when, by the loop's clock
	cpu       int64 // of the thread, when the clock was cpuAt
	cpuAt     int64
	clear     atomic.Bool
}

// turned counts a turn that began at l.now and ends now.
func (l *Loop) turned(events int, now int64) {
	c := &l.counts
	took := now - l.now
	c.Turns++
	c.Events += int64(events)
	c.Busy += took
	c.TurnTimes[stepOf(took)]++
	c.MaxTurn = max(c.MaxTurn, took)
	if took >= cpuAsk {
		was := c.cpu
		c.noteCPU(now)
		took = min(took, c.cpu-was)
	}
	c.TurnCPU[stepOf(took)]++
	c.MaxTurnCPU = max(c.MaxTurnCPU, took)
	if events == 0 || now-c.published >= publishEvery {
		l.publish(now)
	}
}

func stepOf(took int64) int {
	return min(bits.Len64(uint64(max(took, 0))>>turnShift), TurnSteps-1)
}

// noteCPU notes the thread's CPU time. It is called on the loop's thread.
func (c *counts) noteCPU(now int64) {
	c.cpu, c.cpuAt = threadCPU(), now
}

// publish copies the figures for other goroutines.
func (l *Loop) publish(now int64) {
	c := &l.counts
	if c.clear.CompareAndSwap(true, false) {
		c.MaxTurn, c.MaxTurnCPU, c.MaxMailAge = 0, 0, 0
	}
	c.published = now
	c.Held = l.bufs.held
	l.Stats.BusyNanos.Store(c.Busy)
	l.Stats.mu.Lock()
	l.Stats.facts = c.Facts
	l.Stats.mu.Unlock()
}

// Facts may be called from any goroutine.
func (l *Loop) Facts() Facts {
	l.Stats.mu.Lock()
	f := l.Stats.facts
	l.Stats.mu.Unlock()
	f.Conns, f.Panics = l.Stats.Conns.Load(), l.panics.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	f.MailWaiting = int64(len(l.mail))
	if f.MailWaiting > 0 {
		f.MailOldest = max(0, int64(time.Since(epoch))-l.mailSince)
	}
	return f
}

// ClearMax makes the maxima begin anew, from the next time they are published.
func (l *Loop) ClearMax() { l.counts.clear.Store(true) }

// CountAccept counts a connection that this loop has accepted.
func (l *Loop) CountAccept() { l.counts.Accepted++ }

// CountMove counts an accepted connection that goes to another loop.
func (l *Loop) CountMove() { l.counts.Moved++ }

// CountAcceptPause counts a pause for want of a descriptor.
func (l *Loop) CountAcceptPause() { l.counts.AcceptPauses++ }
