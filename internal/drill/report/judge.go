package report

import (
	"fmt"
	"time"
)

// Limits are what a fault may cost beyond what it excuses. A zero time means the one that
// the fault's expectation has.
type Limits struct {
	Lost, Cut, Twice int
	P99, Detect      time.Duration
	Messages         int64 // lost or doubled
	Untold           int   // WebSockets that ended without a Close frame, or late
}

// Judge holds the figures against what the fault excuses and the limits allow, and sets
// Verdict and Failures.
func (r *Result) Judge(expect Expect, limits Limits) {
	r.Failures = nil
	fail := func(format string, args ...any) { r.Failures = append(r.Failures, fmt.Sprintf(format, args...)) }
	var lost, cut, twice int
	for _, k := range r.Kinds {
		class := classNamed(k.Kind)
		lost += unless(expect.Lost, class, k.Lost)
		cut += unless(expect.Cut, class, k.Cut)
		twice += unless(expect.Twice, class, k.Twice)
	}
	over := func(what string, n, limit int) {
		if n > limit {
			fail("%d %s", n, what)
		}
	}
	over("lost that may not be", lost, limits.Lost)
	over("cut that may not be", cut, limits.Cut)
	over("executed twice that may not be", twice, limits.Twice)
	over("ended as if complete and were not", r.Total.Short, 0)
	over("acknowledged and never executed", r.Total.Vanished, 0)
	if m := r.Sockets.Lost + r.Sockets.Doubled; m > limits.Messages {
		fail("%d messages lost, %d doubled", r.Sockets.Lost, r.Sockets.Doubled)
	}
	r.judgeTimes(expect, limits, fail)
	if expect.Detects {
		over("WebSockets ended without a Close frame", r.Sockets.Cut, limits.Untold)
		over(fmt.Sprintf("WebSockets were told more than %s after detection", ms(toldWithin)), r.Sockets.ToldLate, limits.Untold)
	}
	r.judgeMachine()
	r.Verdict = Passed
	if len(r.Failures) > 0 {
		r.Verdict = Failed
	}
}

// busyMachine is the share of its time from which on a machine's latencies are its own.
const busyMachine = 0.75

// judgeMachine notes what takes the edge off the latencies.
func (r *Result) judgeMachine() {
	if r.Busy > busyMachine {
		r.Notes = append(r.Notes, fmt.Sprintf("the machine was busy for %.0f %% of its time: latencies are its own as well", 100*r.Busy))
	}
	if r.LoadLate > r.Calm.P50 && r.LoadLate > lateBy {
		r.Notes = append(r.Notes, fmt.Sprintf("the load itself was late by %s (p99)", ms(r.LoadLate)))
	}
}

func (r *Result) judgeTimes(expect Expect, limits Limits, fail func(string, ...any)) {
	if limit := either(limits.P99, expect.P99); expect.P99 > 0 {
		if r.Outage.P99 > limit {
			fail("p99 during the outage %s, over %s", ms(r.Outage.P99), ms(limit))
		}
		if r.StickyOutage.P99 > limit {
			fail("p99 of sticky users during the outage %s, over %s", ms(r.StickyOutage.P99), ms(limit))
		}
	}
	if expect.Detects {
		switch limit := either(limits.Detect, expect.Detect); {
		case r.Detect == Never:
			fail("not detected")
		case limit > 0 && r.Detect > limit:
			fail("detected after %s, over %s", ms(r.Detect), ms(limit))
		}
		if r.Detect != Never && r.Back == Never {
			fail("not back UP after it was mended")
		}
	}
}

func unless(excused, class Class, n int) int {
	if excused&class != 0 {
		return 0
	}
	return n
}

func either(own, expected time.Duration) time.Duration {
	if own > 0 {
		return own
	}
	return expected
}

// ms shows a time as people compare them.
func ms(d time.Duration) string {
	switch {
	case d == Never:
		return "–"
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
