package backend

import (
	"fmt"
	"sync/atomic"

	"bascule/internal/events"
)

// The budget of requests that are sent again after a server may have taken
// them. A farm that fails because it is overloaded gets no more than a fifth of
// its live rate on top, and a server that dies with its requests in hand does
// not take them with it, nor what comes to it in the second until it is found
// down: that is the burst, what is in flight on the largest server or what comes
// to the backend in a second, whichever is more.
const (
	replayShare = 5  // a replay for so many requests
	leastBurst  = 10 // where hardly anything is in flight, as at night
	peakHold    = 8  // the memory of the largest burst loses 1/8 a second
)

// farBack lets a new budget be one whose last replay was long ago.
const farBack = 1 << 60

// cleared is how far the debt is ahead of the fill when counters have been
// cleared; two loops that add up at once may differ by a few.
const cleared = 1 << 10

// A budget bounds replays: a bucket that live requests fill, one fifth of a
// replay each, up to the burst. It is looked at only when a request fails.
type budget struct {
	debt atomic.Int64 // the fill at which what was taken is paid for, less farBack
	peak atomic.Int64 // requests in flight on the largest server, or a second, lately
}

// take takes a replay out of the bucket that fill requests have filled, and
// says whether there was one.
func (g *budget) take(fill int64) bool {
	burst := max(g.peak.Load(), leastBurst) * replayShare
	for {
		was := g.debt.Load()
		now := max(was-farBack, fill-burst) + replayShare
		if now > fill+cleared {
			now = fill - burst + replayShare
		}
		if now > fill {
			return false
		}
		if g.debt.CompareAndSwap(was, now+farBack) {
			return true
		}
	}
}

// raise notes how much is in flight on a server, or comes in a second.
func (g *budget) raise(n int64) {
	for {
		was := g.peak.Load()
		if n <= was || g.peak.CompareAndSwap(was, n) {
			return
		}
	}
}

// fade forgets a part of the peak, once a second.
func (g *budget) fade() {
	was := g.peak.Load()
	g.peak.CompareAndSwap(was, was-(was+peakHold-1)/peakHold)
}

// MayReplay says whether one more request may be sent again that a server may
// have taken, and takes it out of the budget. It is meant for failures: it adds
// up the requests of all loops.
func (b *Backend) MayReplay() bool {
	b.measure()
	return b.replays.take(b.Counters.Sum(Requests))
}

// measure notes what is in flight.
func (b *Backend) measure() {
	for _, s := range b.Servers() {
		b.replays.raise(s.Cur.Cur())
	}
}

// tellRefused sends a message when the budget has refused replays since the last
// one, at most once a second.
func (b *Backend) tellRefused() {
	total := b.Counters.Sum(ReplaysRefused)
	if n := total - b.refused; n > 0 {
		text := fmt.Sprintf("Backend %s: %d requests were lost in the last second that could have been sent again: the budget of replays is used up.", b.name, n)
		b.happened(events.ReplayRefused, LevelWarning, nil, text)
		b.env.Notify(LevelWarning, text)
		b.env.Log.Warn(text)
	}
	b.refused = total
}
