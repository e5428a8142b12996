package live

import (
	"time"

	"bascule/internal/backend"
)

const (
	// kept is how many seconds a history holds: an hour.
	kept = 3600
	// chunk is how many of them are allocated at once, so that a process that
	// began a minute ago does not hold an hour. 5 minutes of samples of 20 bytes
	// are 6 KB; all of a server's history is at most 78,000 bytes.
	chunk = 300
	// window is how many seconds percentiles look back on: those of one second
	// of a quiet server jump.
	window = 10
)

// A sample is one second of a server. It has 20 bytes, and there are 3600 of
// them for each server; what does not fit is the largest that does.
type sample struct {
	reqs, cur     uint32
	sockets, errs uint16
	queue         uint16
	p50, p99      uint16 // see short
	state         uint8  // of states, counted from 1; 0: nothing is known of this second
}

// A history is the last hour of a server, in seconds since 1970: the second n is
// sample n % span, which is more than is kept, by a chunk that is being written.
type history struct {
	chunks [span / chunk]*[chunk]sample
	first  int64 // the oldest second that was ever put in
	last   int64

	before  totals
	seen    [window]backend.Histogram // of the last turns, a ring
	turn    int
	primed  bool
	figures figures
}

const span = kept + chunk

// totals are running totals of which a second is the growth.
type totals struct{ reqs, errs int64 }

// figures are what a server did in the last second, or does now.
type figures struct {
	Reqs, Errs, Cur, Queue, Sockets int64
	P50, P99                        time.Duration // of the response, -1: no requests lately
}

// put writes the sample of a second. Seconds that were left out hold nothing.
func (h *history) put(second int64, s sample) {
	switch {
	case h.first == 0:
		h.first, h.last = second, second-1
	case second <= h.last:
		return // two turns within one second: the first stands
	case second-h.last > span:
		h.chunks, h.first = [span / chunk]*[chunk]sample{}, second
		h.last = second - 1
	}
	for h.last < second {
		h.last++
		at := h.last % span
		c := &h.chunks[at/chunk]
		if *c == nil {
			*c = new([chunk]sample)
		}
		(*c)[at%chunk] = sample{}
	}
	h.chunks[second%span/chunk][second%span%chunk] = s
}

// each gives the samples of the last n seconds, oldest first; from is the first
// one's second.
func (h *history) each(n int64, give func(s sample)) (from int64) {
	from = max(h.first, h.last-min(n, kept)+1)
	for at := from; at <= h.last; at++ {
		give(h.chunks[at%span/chunk][at%span%chunk])
	}
	return from
}

// A short is a time in 16 bits: in tenths of a millisecond up to 3 s, from there
// on in 10 ms, up to 6 minutes; none is 65535.
const (
	shortNone   = 1<<16 - 1
	shortFine   = 30000
	shortCoarse = 10 * time.Millisecond
)

func short(d time.Duration) uint16 {
	switch tenths := int64(d / (100 * time.Microsecond)); {
	case d < 0:
		return shortNone
	case tenths < shortFine:
		return uint16(tenths)
	default:
		return uint16(min(shortFine+int64((d-3*time.Second)/shortCoarse), shortNone-1))
	}
}

// long is what short has kept, in microseconds; -1 for none.
func long(s uint16) int64 {
	switch {
	case s == shortNone:
		return -1
	case s < shortFine:
		return int64(s) * 100
	}
	return (3*time.Second + time.Duration(s-shortFine)*shortCoarse).Microseconds()
}
