package drill

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// mendWait bounds the restoring of what a fault broke, also after an interrupt: a
	// polite stop and a start of each server fit in.
	mendWait = 40 * time.Second
	// noticeWait is how much longer than it lasts a fault stays that the balancer has
	// not noticed yet: fall × inter of the deployment, a timeout of each, and a little.
	noticeWait = 30 * time.Second
	// upWait is how long a mended server may take to be UP: rise × inter, and a little.
	upWait = 30 * time.Second
)

// A Fault is one thing that goes wrong on purpose.
type Fault struct {
	// Name is a word for flags and tables, Text a sentence for the report.
	Name, Text string
	// Detects says that the balancer must take the victim out, so that there is a time
	// of detection and one of its return.
	Detects bool
	// Victim is the server that fails; empty: all of the backend.
	Victim string
	// Inject breaks it. ctx ends with the drill's interrupt.
	Inject func(ctx context.Context, t *Target) error
	// Mend restores what Inject broke. It may be called twice, and after half an Inject.
	Mend func(ctx context.Context, t *Target) error
	// Needs says why the fault cannot run here; nil: it can.
	Needs func(t *Target) error
	// Lasts is the time between Inject and Mend.
	Lasts time.Duration
	// Expect is what may become of requests meanwhile.
	Expect Expectation
}

// Class is a kind of request as far as a balancer may repeat it; a set of them.
type Class uint

// Classes, each request has one. Words: docs/failures.md.
const (
	Safe       Class = 1 << iota // GET, HEAD, OPTIONS
	Idempotent                   // PUT and DELETE, also of 64 KiB
	Keyed                        // POST with Idempotency-Key
	Plain                        // POST without
	Chats                        // WebSocket: the connection, never a message

	Nothing    Class = 0
	Everything       = Safe | Idempotent | Keyed | Plain | Chats
	Writes           = Idempotent | Keyed | Plain
)

// Expectation is a line of the failure table: what a fault may cost. The zero value
// forbids everything and limits no time.
type Expectation struct {
	Lost  Class // may get an error or nothing
	Cut   Class // may get a reply that is broken off; never one that ends as if complete
	Twice Class // may be executed twice
	// P99 limits the latency of requests during the outage, sticky users too; 0: no limit.
	P99 time.Duration
	// Detect limits the time from the fault to DOWN; 0: no limit.
	Detect time.Duration
	// Why explains what is allowed, in words for the report; empty when nothing is.
	Why string
}

// Outage is when a fault came and went. A time is zero when it never was.
type Outage struct {
	Begun    time.Time // just before Inject
	Injected time.Time // after Inject
	Down     time.Time // the balancer took the (first) victim out
	Mending  time.Time // just before Mend
	Mended   time.Time // after Mend
	Up       time.Time // the balancer has all victims back
}

// Victims are the names of the servers that fail.
func (f *Fault) Victims(t *Target) []string {
	if f.Victim != "" {
		return []string{f.Victim}
	}
	names := make([]string, len(t.Servers))
	for i, srv := range t.Servers {
		names[i] = srv.Name
	}
	return names
}

// Do injects the fault, lets it last, and mends it whatever happened: after half an
// Inject, and when ctx ends. A fault to be detected stays until the balancer noticed,
// noticeWait longer at most; then its return is waited for, upWait at most. What was not
// noticed is no error here, its time is zero.
func (f *Fault) Do(ctx context.Context, t *Target) (out Outage, err error) {
	watch := StartWatch(t.Runtime, t.Backend)
	defer watch.Stop()
	out.Begun = time.Now()
	err = f.Inject(ctx, t)
	out.Injected = time.Now()
	if err == nil {
		err = f.last(ctx, t, watch, &out)
	}
	mend, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendWait)
	defer cancel()
	out.Mending = time.Now()
	if failed := f.Mend(mend, t); failed != nil {
		err = errors.Join(err, fmt.Errorf("%s: not restored: %w", f.Name, failed))
	}
	out.Mended = time.Now()
	if err == nil {
		f.back(ctx, t, watch, &out)
		err = ctx.Err()
	}
	return out, err
}

// last waits until the fault is over.
func (f *Fault) last(ctx context.Context, t *Target, watch *Watch, out *Outage) error {
	lasts := time.NewTimer(f.Lasts)
	defer lasts.Stop()
	poll := time.NewTicker(stateEvery)
	defer poll.Stop()
	over := false
	for {
		if out.Down.IsZero() {
			out.Down = watch.firstDown(f.Victims(t), out.Begun)
		}
		if over && (!f.Detects || !out.Down.IsZero() || time.Since(out.Begun) > f.Lasts+noticeWait) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-lasts.C:
			over = true
		case <-poll.C:
		}
	}
}

// back waits until the balancer has the victims again, as far as it took them out.
func (f *Fault) back(ctx context.Context, t *Target, watch *Watch, out *Outage) {
	limit := time.NewTimer(upWait)
	defer limit.Stop()
	poll := time.NewTicker(stateEvery)
	defer poll.Stop()
	settled := time.Now().Add(2 * stateEvery) // so that a state from before does not count
	for {
		if at, ok := watch.allUp(f.Victims(t), out.Mended); ok && time.Now().After(settled) {
			if !out.Down.IsZero() {
				out.Up = at
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-limit.C:
			return
		case <-poll.C:
		}
	}
}
