package backend

import (
	"sync"
	"time"
)

// A Throttle counts events and tells when another one keeps their rate below a
// limit. Like HAProxy's, it looks at a sliding second: the events of the
// current one, and of the one before the part that is less than a second ago.
type Throttle struct {
	mu         sync.Mutex // mu guards the fields below.
	second     int64      // number of the current second, from 1
	last, this int64      // events of the second before and of the current one
}

// Count notes an event at now, nanoseconds of a clock that never goes back.
func (t *Throttle) Count(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll(now)
	t.this++
}

func (t *Throttle) roll(now int64) {
	s := now/int64(time.Second) + 1
	switch s - t.second {
	case 0:
		return
	case 1:
		t.last = t.this
	default:
		t.last = 0
	}
	t.second, t.this = s, 0
}

// maxWait is how long a throttled listener sleeps at most, so that a change of
// the limit is seen.
const maxWait = 100 * time.Millisecond

// Wait is how long the next event must wait, 0 if it need not; limit is in
// events a second, 0 or less: none.
func (t *Throttle) Wait(limit int, now int64) time.Duration {
	if limit <= 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll(now)
	left := int64(time.Second) - now%int64(time.Second)
	if t.this+t.last*left/int64(time.Second) < int64(limit) {
		return 0
	}
	// One more fits when a limit-th of a second has gone by, or later: the
	// caller asks again.
	return min(max(time.Second/time.Duration(limit), time.Millisecond), maxWait)
}
