package backend

import (
	"time"

	"bascule/internal/balance"
	"bascule/internal/config"
)

const weightScale = balance.WeightScale

// What happens to a server. Each type is one argument of after.
type (
	checked    Result               // an active check ended
	ordered    Order                // set server … state
	weighed    int                  // set server … weight, already parsed
	ticked     struct{ why string } // time passed within a slowstart; why the ramp is held, "": it is not
	pronounced Op                   // set server … health: Running, Stopping or Stopped
	checksSet  bool                 // enable health, disable health
	misbehaved struct {             // observed traffic failed error-limit times in a row
		action config.OnError
		info   string
		within time.Duration // until the next check
	}
	suspected struct { // traffic gives reason to check at once
		by   Sight
		text string
	}
	chased struct { // a check at the fast pace ended
		Result
		may felling
	}
	configured serverParams // the configuration says so now
	happening  interface{ on(*turn) }
)

// serverParams is what the state of a server takes from its line.
type serverParams struct {
	rise, fall, weight int
	slowStart          time.Duration
	check, disabled    bool
	located            bool // it has an address
	moved              bool // its address or its TLS is another one than before
	dynamic            bool // the algorithm can ramp weights
	agent, tracks      bool
	follows            bool          // a server that the file disables: maintenance from the start
	initState          string        // init-state
	steady             time.Duration // option flap-damping: what rise checks take; 0: off
	maxconn            int
	forget             bool // what was set at run time is dropped
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
	ease    Ease // tunnels of a drain that end now
	close   bool // it went DOWN or into maintenance: on-marked-down applies
	retire  bool // its idle connections must not be used again
	requeue bool // streams that wait for it must look elsewhere
	arrived bool // it takes traffic again: on-marked-up applies
	probe   bool // its next check is due within that time
	within  time.Duration
	chase   bool    // checks at the fast pace begin
	calm    calm    // its traffic is not suspected any more, and why
	may     felling // with spared: why
	passed  bool    // a check passed
	felled  string  // DOWN by checks at the fast pace: what is told of it
	held    bool    // it fell so often that the way back takes longer
	drains  bool    // a drain begins
	notes   []note  // messages, in order
}

// after is the state that follows st when h happens, and what that asks for.
// It is pure: the same arguments give the same answer.
func after(st State, h happening, now time.Time) (State, effects) {
	t := turn{State: &st, now: now}
	h.on(&t)
	t.follow()
	st.weigh(now)
	return st, t.effects
}

// first is the state of a server at the start: up, one failed check away from
// DOWN, unless the file disables it or it has no address.
func first(p serverParams, now time.Time) State {
	st := State{Op: Running, Rise: p.rise, Fall: p.fall, Health: p.rise,
		IWeight: p.weight, UWeight: p.weight, Since: now,
		SlowStart: wholeSeconds(p.slowStart), ramps: p.dynamic,
		AgentUp: true, Tracks: p.tracks, tracked: Running, MaxConn: p.maxconn, initState: p.initState, steady: p.steady,
		Check: viewOf(p.check, now), Agent: viewOf(p.agent, now)}
	st.begin()
	if p.disabled {
		st.Admin = ForcedMaint | ConfigMaint
	}
	if !p.located {
		st.Admin |= AddrMaint
	}
	if p.follows {
		st.Admin |= TrackedMaint
		st.tracked = Stopped
	}
	if st.Admin.Maint() {
		st.Op, st.Health, st.Check.Paused = Stopped, 0, p.check
	}
	st.weigh(now)
	return st
}

// viewOf is what is known before the first check.
func viewOf(configured bool, now time.Time) CheckView {
	return CheckView{Configured: configured, Enabled: configured, Status: CheckINI, Duration: -1, Since: now}
}

// begin sets the health that a checked server begins with: up and one failed
// check away from DOWN, unless init-state says otherwise.
func (st *State) begin() {
	st.Health = st.Rise
	if !st.Check.Enabled {
		return
	}
	switch st.initState {
	case "fully-up":
		st.Health = st.Rise + st.Fall - 1
	case "down":
		st.Health = st.Rise - 1
	case "fully-down":
		st.Health = 0
	}
	if st.Health < st.Rise {
		st.Op = Stopped
	}
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
	report := t.Check.take(Result(r), t.now)
	full := t.Rise + t.Fall - 1
	switch r.Status.Outcome() {
	case Failed:
		t.Flap.Since = time.Time{}
		if t.Health > 0 {
			report = true
			t.FailedChecks++
			if t.Health--; t.Health < t.Rise {
				t.Health = 0
			}
		}
	case Passed, PassedStopped:
		t.passed = true
		t.acquit()
		if held := t.holds(); t.Health < full && (!held || t.Health < t.Rise-1) {
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
	case r.Status.Outcome() == Passed && t.mayRun():
		t.run(causeCheck)
	case r.Status.Outcome() == PassedStopped && t.mayRun():
		t.stopping(causeCheck)
	}
}

// take notes a result and says whether the status is another one than before.
func (c *CheckView) take(r Result, now time.Time) (changed bool) {
	if changed = c.Status != r.Status; changed {
		c.Since = now
	}
	c.Status, c.Code, c.Duration, c.Info = r.Status, r.Code, r.Duration, r.Info
	if r.Status.Outcome() == Passed {
		c.Usual = max(r.Duration, c.Usual-c.Usual/8) // a slow one counts for some time
	}
	return changed
}

// mayRun says that nothing speaks against the server: neither its checks, nor
// its agent, nor the server that it follows.
func (st *State) mayRun() bool {
	return (!st.Check.Enabled || st.Health >= st.Rise) && (!st.Agent.Enabled || st.AgentUp) &&
		(!st.Tracks || st.tracked != Stopped)
}

// stop takes the server down.
func (t *turn) stop(c cause) {
	if t.Admin.Maint() || t.Op == Stopped {
		return
	}
	ordered := c != causeCheck || t.Op == Stopping || t.Admin.Drain()
	t.fall(noteDown, c)
	t.stillDrained()
	if !ordered {
		t.flapped()
	}
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
	if t.Op = op; op == Stopped && t.suspicious(t.now) {
		t.Suspect = Suspicion{Until: t.now.Add(fastRise)}
	}
}

// settle begins a new period: Since is now, and what passed is kept.
func (t *turn) settle() {
	if t.Op == Stopped {
		t.downtime += t.now.Sub(t.Since)
	}
	t.Since = t.now
	t.Held, t.Warm = 0, ""
}

func (n weighed) on(t *turn) {
	was := t.Usable()
	t.UWeight = int(n)
	t.weigh(t.now)
	t.arrived = !was && t.Usable()
	t.requeue = was && !t.Usable()
}

func (p pronounced) on(t *turn) {
	if t.Admin.Maint() {
		return
	}
	t.Flap = Flapping{}
	switch Op(p) {
	case Stopped:
		t.Health = 0
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

// weigh sets the weight in force. During slowstart it grows in sixteenths by
// whole seconds, beginning with one (HAProxy: slowstart).
func (st *State) weigh(now time.Time) {
	steps := weightScale
	if st.Op == Starting && st.ramps && st.SlowStart > 0 {
		elapsed, whole := int(st.warmed(now)/time.Second), int(st.SlowStart/time.Second)
		steps = min(weightScale, (weightScale*elapsed+whole)/whole)
	}
	st.EWeight = st.UWeight * steps
}

// ramp is the part of maxconn that slowstart leaves, in percent.
func (st *State) ramp(now time.Time) int {
	if st.Op != Starting || st.SlowStart == 0 {
		return 100
	}
	return min(100, int(100*(st.warmed(now)/time.Second)/(st.SlowStart/time.Second)))
}
