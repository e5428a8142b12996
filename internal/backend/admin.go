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
		t.leaveMaint()
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
	t.Health = 0
	if t.Op == Stopped {
		t.note(noteWasDown, causeNone)
		return
	}
	t.fall(noteMaint, causeNone)
}

// leaveMaint brings the server up at once, one failed check away from DOWN.
func (t *turn) leaveMaint() {
	t.rise()
	if t.Check.Enabled {
		t.Check.Paused, t.probe = false, true
		t.Health = t.Rise
	}
	t.note(noteLeaveMaint, causeNone)
	t.stillDrained()
	t.arrived = !t.Admin.Drain()
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
	t.SlowStart, t.ramps = wholeSeconds(p.slowStart), p.dynamic
	if t.IWeight != p.weight {
		t.IWeight, t.UWeight = p.weight, p.weight
	}
	t.Removed = false
	t.configureCheck(p)
	t.configureAdmin(p)
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
		t.run(causeNone) // nothing can find it down any more
		t.Health = t.Rise
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
