package backend

// An Order is an argument of "set server … state".
type Order uint8

// The orders.
const (
	Ready Order = iota
	Drain
	Maint
)

// on changes the administrative state. Each order ends the other two.
func (o ordered) on(t *turn) {
	switch Order(o) {
	case Ready:
		t.administer(t.Admin &^ ForcedMaint)
		t.administer(t.Admin &^ ForcedDrain)
	case Drain:
		if t.Drain != nil && t.Drain.Stage != Lasting { // the deadline is taken away
			t.Drain = &Draining{Begun: t.now, Tally: t.Drain.Tally}
		}
		t.administer(t.Admin | ForcedDrain)
		t.administer(t.Admin &^ ForcedMaint)
	case Maint:
		t.administer(t.Admin | ForcedMaint)
		t.administer(t.Admin &^ ForcedDrain)
	}
}

// administer moves to another mask.
func (t *turn) administer(next Admin) {
	prev := t.Admin
	t.Admin = next
	switch {
	case !prev.Maint() && next.Maint():
		t.enterMaint()
	case prev.Maint() && !next.Maint():
		t.leaveMaint(prev&maintMask == TrackedMaint)
	case next.Maint():
	case !prev.Drain() && next.Drain():
		t.settle()
		t.requeue = true
		t.note(noteDrain, causeNone)
	case prev.Drain() && !next.Drain():
		t.settle()
		t.arrived = t.Op == Starting || t.Op == Running
		t.note(noteLeaveDrain, causeNone)
	}
}

func (t *turn) enterMaint() {
	t.Check.Paused = t.Check.Enabled
	if t.Suspect, t.Flap = (Suspicion{}), (Flapping{}); !t.Tracks {
		t.Health = 0
	}
	if t.Op == Stopped {
		t.note(noteWasDown, causeNone)
		return
	}
	t.fall(noteMaint, causeNone)
}

// leaveMaint brings the server up at once, one failed check away from DOWN,
// unless its agent or the server that it follows is down.
func (t *turn) leaveMaint(inherited bool) {
	if t.Check.Enabled {
		t.Check.Paused, t.probe = false, true
		t.begin()
	}
	switch {
	case !t.mayRun():
		t.settle()
	case t.Tracks && t.tracked == Stopping:
		t.become(Stopping)
	default:
		t.rise()
	}
	kind := noteLeaveMaint
	if inherited {
		kind = noteLeaveTrackedMaint
	}
	t.note(kind, causeNone)
	t.stillDrained()
	t.arrived = t.Op != Stopped && !t.Admin.Drain()
}

// on takes over what the server's line says now. What was ordered at run time
// stays, unless the line itself changed there.
func (p configured) on(t *turn) {
	full, up := t.Health == t.Rise+t.Fall-1, t.Health >= t.Rise
	t.Rise, t.Fall = p.rise, p.fall
	switch most := p.rise + p.fall - 1; {
	case up && full:
		t.Health = most
	case up:
		t.Health = min(max(t.Health, p.rise), most)
	default:
		t.Health = min(t.Health, p.rise-1)
	}
	t.SlowStart, t.ramps, t.initState = wholeSeconds(p.slowStart), p.dynamic, p.initState
	if t.steady = p.steady; t.steady == 0 || p.forget {
		t.Flap = Flapping{}
	}
	if t.IWeight != p.weight {
		t.IWeight, t.UWeight = p.weight, p.weight
	}
	t.returned()
	t.configureCheck(p)
	t.configureAgent(p)
	t.configureAdmin(p)
	if p.forget {
		t.forget(p)
	}
	if p.moved {
		t.retire = true
		if t.Op != Stopped && t.Check.Enabled {
			t.Health, t.probe = t.Rise, true
		}
	}
	if t.Op == Starting && t.SlowStart == 0 {
		t.become(Running)
	}
}

func (t *turn) configureCheck(p configured) {
	if t.Check.Configured == p.check {
		return
	}
	t.Check.Configured, t.Check.Enabled = p.check, p.check
	t.Check.Paused = p.check && t.Admin.Maint()
	t.Check.Status, t.Check.Code, t.Check.Info, t.Check.Since = CheckINI, 0, "", t.now
	switch {
	case t.Admin.Maint():
	case p.check:
		t.probe = true
		if t.Op != Stopped {
			t.Health = t.Rise
		}
	default:
		t.Health = t.Rise
		if t.mayRun() {
			t.run(causeNone) // nothing can find it down any more
		}
	}
}

// configureAgent takes over agent-check and track. What spoke against the
// server and is there no more does so no longer.
func (t *turn) configureAgent(p configured) {
	if t.Agent.Configured == p.agent && t.Tracks == p.tracks {
		return
	}
	if t.Agent.Configured != p.agent {
		t.Agent, t.AgentUp = viewOf(p.agent, t.now), true
	}
	if t.Tracks != p.tracks {
		t.Tracks, t.tracked = p.tracks, Running
		t.administer(t.Admin &^ (TrackedMaint | TrackedDrain))
	}
	if t.Op == Stopped && t.mayRun() {
		t.run(causeNone)
	}
}

// forget drops what was set at run time. What the checks and the agent have
// found stays; the agent says the weight again.
func (t *turn) forget(p configured) {
	t.UWeight = t.IWeight
	if t.Check.Enabled != t.Check.Configured {
		checksSet(true).on(t)
	}
	if !t.Agent.Enabled && t.Agent.Configured {
		t.Agent, t.AgentUp = viewOf(true, t.now), true
	}
	next := t.Admin &^ (ForcedMaint | ForcedDrain)
	if p.disabled {
		next |= ForcedMaint | ConfigMaint
	}
	if next != t.Admin {
		t.administer(next)
	}
	if t.Op == Stopped && !t.Check.Enabled && !t.Admin.Maint() && t.mayRun() {
		t.run(causeNone) // `set server health down` had said so
	}
}

func (t *turn) configureAdmin(p configured) {
	next := t.Admin &^ AddrMaint
	if !p.located {
		next |= AddrMaint
	}
	if was := t.Admin&ConfigMaint != 0; p.disabled && !was {
		next |= ForcedMaint | ConfigMaint
	} else if !p.disabled && was {
		next &^= ForcedMaint | ConfigMaint
	}
	if next != t.Admin {
		t.administer(next)
	}
}
