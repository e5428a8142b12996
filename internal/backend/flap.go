package backend

import (
	"fmt"
	"slices"
	"time"
)

// The measures of option flap-damping.
const (
	// flapWindow is how far back falls count: a server that has stood for so long is
	// like any other.
	flapWindow = 10 * time.Minute
	// flapFalls within flapWindow are a server that comes and goes. Two are a
	// restart that did not work at the first try.
	flapFalls = 3
	// mostHold bounds how long a server must pass its checks: one that is well again
	// is not missed for longer.
	mostHold = time.Minute
)

// Flapping is what option flap-damping knows of a server. The zero value is
// nothing.
type Flapping struct {
	// Hold is how long the server must pass its checks, without one that fails, until
	// it is UP again; 0: rise checks are enough.
	Hold time.Duration
	// Since is when it began to pass them; zero: it does not.
	Since time.Time

	falls [flapFalls - 1]time.Time // the last ones before the next, the latest first
}

// Left is how long a server that is held must still pass its checks, 0 if it is not
// held.
func (f *Flapping) Left(now time.Time) time.Duration {
	if f.Hold == 0 || f.Since.IsZero() {
		return f.Hold
	}
	return max(f.Hold-now.Sub(f.Since), 0)
}

// flapped counts a fall that nobody ordered. From the third one within flapWindow on
// the way back takes twice as long each time, beginning with twice the time of rise
// checks.
func (t *turn) flapped() {
	f := &t.Flap
	f.Since = time.Time{}
	if t.steady == 0 {
		return
	}
	oldest := f.falls[len(f.falls)-1]
	copy(f.falls[1:], f.falls[:])
	f.falls[0] = t.now
	if oldest.IsZero() || t.now.Sub(oldest) >= flapWindow {
		f.Hold = 0
		return
	}
	f.Hold = min(2*max(f.Hold, t.steady), mostHold)
	t.held = true
	t.note(noteHeld, causeNone)
}

// holds says that a check that has just passed does not bring the server up yet.
func (t *turn) holds() bool {
	f := &t.Flap
	if f.Hold == 0 || t.Op != Stopped {
		return false
	}
	if f.Since.IsZero() {
		f.Since = t.now
	}
	return t.now.Sub(f.Since) < f.Hold
}

// released says that a server is needed as it is: no other one is usable.
type released struct{}

// on lets the rise checks that every server needs be enough again. The falls still
// count.
func (released) on(t *turn) {
	t.Flap.Hold, t.Flap.Since = 0, time.Time{}
	t.note(noteReleased, causeNone)
}

// spareHold takes a hold back that a fall has just brought, before anybody is told:
// the backend has no other server.
func (b *Backend) spareHold(s *Server, fx *effects, now time.Time) {
	if !fx.held || b.snap.Load().Up() {
		return
	}
	next, _ := after(*s.State(), released{}, now)
	s.enter(&next, now)
	fx.held = false
	fx.notes = slices.DeleteFunc(fx.notes, func(n note) bool { return n.kind == noteHeld })
}

// release lets held servers come back as others do while the backend has none.
func (b *Backend) release(now time.Time) {
	if b.snap.Load().Up() {
		return
	}
	for _, s := range b.Servers() {
		if st := s.State(); st.Op == Stopped && st.Flap.Hold > 0 {
			b.happen(released{}, now, s)
		}
	}
}

func (sc *scene) held() string {
	f := &sc.st.Flap
	return fmt.Sprintf(" has fallen %d times or more within %s: it must pass its checks for %s to be UP (option flap-damping).", flapFalls, flapWindow, f.Hold)
}
