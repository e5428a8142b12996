package backend

import "bascule/internal/config"

// restored is what a state file says of a server that begins (HAProxy:
// load-server-state-from-file).
type restored config.Saved

// on lets the server begin in that state. What its line says now is newer
// where it says something else than before: disabled, or another weight.
func (r restored) on(t *turn) {
	t.restoreHealth(Op(r.Op), r.Health)
	t.restoreAdmin(Admin(r.Admin))
	if r.IWeight == t.IWeight && (t.ramps || r.UWeight == 0) { // a static algorithm knows no other weight
		t.UWeight = r.UWeight
	}
	if s := CheckStatus(r.CheckStatus); int(s) < len(checkTable) && checkTable[s].word != "" {
		t.Check.Status = s
	}
	if r.CheckOff && t.Check.Configured {
		t.Check.Enabled, t.Check.Paused = false, false
	}
	if r.AgentOff {
		t.Agent.Enabled = false
	}
	if t.Op != Starting || Op(r.Op) != Starting { // else its slowstart begins anew
		t.Since = t.now.Add(-r.Age)
	}
}

// restoreHealth takes over the operational state, and a health that fits it
// with today's rise and fall. A server in maintenance stays stopped.
func (t *turn) restoreHealth(op Op, health int) {
	full, maint := t.Rise+t.Fall-1, t.Admin.Maint()
	switch {
	case op == Stopped, op == Stopping && t.Fall == 1: // a single failure takes it down: there is nothing between
		t.Health = 0
		if !maint {
			t.fall(noteDown, causeFile)
		}
		return
	case op == Starting && t.Rise == 1, op == Running:
		t.Health = full
		op = Running
	case op == Starting:
		if t.Health = health; health < 1 || health >= t.Rise {
			t.Health = t.Rise - 1
		}
		if t.SlowStart == 0 {
			op = Running
		}
	default:
		if t.Health = health; health < t.Rise || health >= full {
			t.Health = t.Rise
		}
		if !maint {
			t.note(noteStopping, causeFile)
		}
	}
	if !maint {
		t.become(op)
	}
}

// restoreAdmin takes over maintenance and drain. A line that is disabled now
// and was not, or the other way round, has the last word.
func (t *turn) restoreAdmin(saved Admin) {
	before, now := saved&ConfigMaint != 0, t.Admin&ConfigMaint != 0
	switch {
	case before != now:
	case saved&ForcedMaint != 0 && !now:
		t.administer(t.Admin | ForcedMaint)
	case saved&ForcedMaint == 0 && now: // an operator had made it ready
		t.administer(t.Admin &^ ForcedMaint)
	}
	if saved&ForcedDrain != 0 && !t.Admin.Maint() {
		t.Admin |= ForcedDrain
		t.stillDrained()
	}
}
