package drill

import (
	"math/bits"
	"time"
)

// fine is how many steps a power of two has: quantiles are exact to 1/16.
const fine = 16

// latency counts durations in steps that grow with them, from 1 µs to hours.
type latency struct {
	steps [64 * fine]int64
	n     int64
	max   time.Duration
}

func (l *latency) add(d time.Duration) {
	l.steps[step(d)]++
	l.n++
	l.max = max(l.max, d)
}

func (l *latency) merge(other *latency) {
	for i, n := range other.steps {
		l.steps[i] += n
	}
	l.n += other.n
	l.max = max(l.max, other.max)
}

// quantile returns the duration that the share q, such as 0.99, does not exceed; the
// upper end of its step, but never more than the longest. 0 without any.
func (l *latency) quantile(q float64) time.Duration {
	left := int64(q*float64(l.n-1)) + 1
	for i, n := range l.steps {
		if left -= n; left <= 0 && n > 0 {
			return min(l.max, upper(i))
		}
	}
	return 0
}

// step returns the step of d: its power of two in µs and the next four bits.
func step(d time.Duration) int {
	us := uint64(max(d, 0).Microseconds())
	if us < fine {
		return int(us)
	}
	power := bits.Len64(us) - 5 // such that us>>power is 16 … 31
	return (power+1)*fine + int(us>>power) - fine
}

// upper returns the first duration behind a step.
func upper(i int) time.Duration {
	if i < fine {
		return time.Duration(i+1) * time.Microsecond
	}
	power := i/fine - 1
	return time.Duration((i%fine+fine+1)<<power) * time.Microsecond
}
