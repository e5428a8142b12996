package backend

import (
	"math"
	"sync"
	"time"
)

// A Rate is how much a total grew in the last second, with its maximum: the
// fields rate and rate_max. The total is sampled, so that counting a request
// costs nothing more.
type Rate struct {
	mu    sync.Mutex // mu guards the fields below.
	total int64
	at    time.Time
	per   int64
	max   int64
}

// Sample tells the total at a time; call it about once a second. A total that
// went back (clear counters all) begins anew.
func (r *Rate) Sample(total int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	grown, took := total-r.total, now.Sub(r.at)
	if r.at.IsZero() {
		took = time.Second // what came before the first sample came within it
	}
	r.total, r.at = total, now
	if took <= 0 || grown < 0 {
		r.per = 0
		return
	}
	if took > time.Second {
		grown = int64(math.Round(float64(grown) / took.Seconds())) // a tick is never early, and one in a second is no 0
	}
	r.per = grown
	r.max = max(r.max, grown)
}

// Per is the growth in the last sampled second, Max the largest one since the
// start or the last ClearMax.
func (r *Rate) Per() int64 { r.mu.Lock(); defer r.mu.Unlock(); return r.per }

// Max is the largest growth in a second since the start or the last ClearMax.
func (r *Rate) Max() int64 { r.mu.Lock(); defer r.mu.Unlock(); return r.max }

// ClearMax sets the maximum to the current rate (clear counters).
func (r *Rate) ClearMax() { r.mu.Lock(); defer r.mu.Unlock(); r.max = r.per }
