package backend

import (
	"time"

	"bascule/internal/balance"
)

const weightScale = balance.WeightScale

// What happens to a server. Each type is one argument of after.
type (
	checked    Result       // an active check ended
	ordered    Order        // set server … state
	weighed    int          // set server … weight, already parsed
	ticked     struct{}     // time passed within a slowstart
	pronounced Op           // set server … health: Running, Stopping or Stopped
	checksSet  bool         // enable health, disable health
	configured serverParams // the configuration says so now
	removed    struct{}     // the configuration says it no more
	happening  interface{ on(*turn) }
)

// serverParams is what the state of a server takes from its line.
type serverParams struct {
	rise, fall, weight int
	slowStart          time.Duration
	check, disabled    bool
	located            bool // it has an address
	moved              bool // its address is another one than before
	dynamic            bool // the algorithm can ramp weights
}

// A turn is one evaluation of after: the state being changed and what the
// change asks for.
type turn struct {
	*State
	effects
	now time.Time
}

// Effects are what a change of state asks others to do, in this order.
type effects struct {
	close   bool   // it went DOWN or into maintenance: on-marked-down applies
	retire  bool   // its idle connections must not be used again
	requeue bool   // streams that wait for it must look elsewhere
	arrived bool   // it takes traffic again: on-marked-up applies
	probe   bool   // its next check is due now
	notes   []note // messages, in order
}

// after is the state that follows st when h happens, and what that asks for.
// It is pure: the same arguments give the same answer.
func after(st State, h happening, now time.Time) (State, effects) {
	t := turn{State: &st, now: now}
	h.on(&t)
	st.weigh(now)
	return st, t.effects
}

// first is the state of a server at the start: up, one failed check away from
// DOWN, unless the file disables it or it has no address.
func first(p serverParams, now time.Time) State {
	st := State{Op: Running, Rise: p.rise, Fall: p.fall, Health: p.rise,
		IWeight: p.weight, UWeight: p.weight, Since: now,
		SlowStart: wholeSeconds(p.slowStart), ramps: p.dynamic,
		Check: CheckView{Configured: p.check, Enabled: p.check, Status: CheckINI, Duration: -1, Since: now}}
	if p.disabled {
		st.Admin = ForcedMaint | ConfigMaint
	}
	if !p.located {
		st.Admin |= AddrMaint
	}
	if st.Admin.Maint() {
		st.Op, st.Health, st.Check.Paused = Stopped, 0, p.check
	}
	st.weigh(now)
	return st
}

// wholeSeconds rounds up: HAProxy ramps in seconds.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// on records a check and counts it (HAProxy: fall, rise). One success erases
// the failures before it; a failure on the way up begins anew.
func (r checked) on(t *turn) {
	if !t.Check.Enabled || t.Check.Paused || t.Removed {
		return
	}
	report := t.Check.Status != r.Status
	if report {
		t.Check.Since = t.now
	}
	t.Check.Status, t.Check.Code, t.Check.Duration, t.Check.Info = r.Status, r.Code, r.Duration, r.Info
	full := t.Rise + t.Fall - 1
	switch r.Status.Outcome() {
	case Failed:
		if t.Health > 0 {
			report = true
			t.FailedChecks++
			if t.Health--; t.Health < t.Rise {
				t.Health = 0
			}
		}
	case Passed, PassedStopped:
		if t.Health < full {
			report = true
			if t.Health++; t.Health >= t.Rise {
				t.Health = full
			}
		}
	default:
		return
	}
	if report {
		t.note(noteCheck, causeNone)
	}
	switch {
	case r.Status.Outcome() == Failed && t.Health == 0:
		t.stop(causeCheck)
	case r.Status.Outcome() == Passed && t.Health >= t.Rise:
		t.run(causeCheck)
	case r.Status.Outcome() == PassedStopped && t.Health >= t.Rise:
		t.stopping(causeCheck)
	}
}

// stop takes the server down.
func (t *turn) stop(c cause) {
	if t.Admin.Maint() || t.Op == Stopped {
		return
	}
	t.fall(noteDown, c)
	t.stillDrained()
}

// run brings the server up, through its slowstart if it has one.
func (t *turn) run(c cause) {
	if t.Admin.Maint() || t.Op == Starting || t.Op == Running {
		return
	}
	t.rise()
	t.arrived = !t.Admin.Drain()
	t.note(noteUp, c)
	t.stillDrained()
}

// stopping leaves the server its persistent traffic only.
func (t *turn) stopping(c cause) {
	if t.Admin.Maint() || t.Op == Stopping {
		return
	}
	t.become(Stopping)
	t.requeue = true
	t.note(noteStopping, c)
	t.stillDrained()
}

// fall takes the server out, which is less of an alarm when it was on its way
// out already.
func (t *turn) fall(k noteKind, c cause) {
	expected := t.Op == Stopping || t.Admin&drainMask != 0
	t.become(Stopped)
	t.Health = 0
	t.Downs++
	t.close, t.retire, t.requeue = true, true, true
	t.notes = append(t.notes, note{k, c, expected})
}

// stillDrained says that coming up or going down has not ended the drain.
func (t *turn) stillDrained() {
	if t.Admin.Drain() {
		t.note(noteStillDrain, causeNone)
	}
}

func (t *turn) rise() {
	if t.SlowStart > 0 {
		t.become(Starting)
	} else {
		t.become(Running)
	}
}

// become changes the operational state and keeps the account of downtime.
func (t *turn) become(op Op) {
	t.settle()
	t.Op = op
}

// settle begins a new period: Since is now, and what passed is kept.
func (t *turn) settle() {
	if t.Op == Stopped {
		t.downtime += t.now.Sub(t.Since)
	}
	t.Since = t.now
}

func (n weighed) on(t *turn) {
	was := t.Usable()
	t.UWeight = int(n)
	t.weigh(t.now)
	t.arrived = !was && t.Usable()
	t.requeue = was && !t.Usable()
}

func (ticked) on(t *turn) {
	if t.Op == Starting && t.now.Sub(t.Since) >= t.SlowStart {
		t.become(Running)
		t.note(noteUp, causeNone)
		t.stillDrained()
	}
}

func (p pronounced) on(t *turn) {
	if t.Admin.Maint() {
		return
	}
	switch Op(p) {
	case Stopped:
		t.stop(causeCLI)
	case Stopping:
		t.Health = t.Rise + t.Fall - 1
		t.stopping(causeCLI)
	default:
		t.Health = t.Rise + t.Fall - 1
		t.run(causeCLI)
	}
}

func (on checksSet) on(t *turn) {
	t.Check.Enabled = bool(on) && t.Check.Configured
	t.Check.Paused = t.Check.Enabled && t.Admin.Maint()
	t.probe = t.Check.Enabled
}

func (removed) on(t *turn) {
	t.Removed, t.requeue = true, true
}

// weigh sets the weight in force. During slowstart it grows in sixteenths by
// whole seconds, beginning with one (HAProxy: slowstart).
func (st *State) weigh(now time.Time) {
	steps := weightScale
	if st.Op == Starting && st.ramps && st.SlowStart > 0 {
		elapsed, whole := int(now.Sub(st.Since)/time.Second), int(st.SlowStart/time.Second)
		steps = min(weightScale, (weightScale*elapsed+whole)/whole)
	}
	st.EWeight = st.UWeight * steps
}

// limit is the maxconn in force: during slowstart it grows in percent.
func (st *State) limit(maxconn int, now time.Time) int {
	if st.Op != Starting || maxconn == 0 || st.SlowStart == 0 {
		return maxconn
	}
	percent := int(100 * (now.Sub(st.Since) / time.Second) / (st.SlowStart / time.Second))
	return max(1, maxconn*min(percent, 100)/100)
}
