package backend

import (
	"fmt"
	"strings"
	"time"
)

// Severities of syslog (RFC 5424 §6.2.1) that state changes are told with.
const (
	LevelEmerg   = 0
	LevelAlert   = 1
	LevelWarning = 4
	LevelNotice  = 5
)

// A note is a message about a server, told once the others' counts are known.
type note struct {
	kind     noteKind
	cause    cause
	expected bool // the server was drained or stopping: no alarm
}

type noteKind uint8

const (
	noteDown noteKind = iota
	noteUp
	noteStopping
	noteMaint
	noteWasDown
	noteLeaveMaint
	noteStillDrain
	noteDrain
	noteLeaveDrain
	noteCheck
	noteAgent
	noteLeaveTrackedMaint
	noteDrainUntil
	noteDrainOver
	noteFelled
	noteRemoved
	noteHeld
	noteReleased
	noteWarmHeld
	noteWarmOn
)

type cause uint8

const (
	causeNone cause = iota
	causeCheck
	causeCLI
	causeAgent
	causeTrack
	causeFile // server-state-file
)

func (t *turn) note(k noteKind, c cause) { t.notes = append(t.notes, note{kind: k, cause: c}) }

// A scene is what a message says beside the server's own state.
type scene struct {
	backend, server string
	backup          bool
	logChecks       bool   // option log-health-checks has told the reason already
	via             string // " via backend/server" of a server that follows another
	st              *State
	act, bck        int   // usable servers of the backend
	sessions        int64 // of the server
	requeued        int
	queued          int64 // still waiting for the server
	webSockets      int64 // of the sessions
	now             time.Time
	felled          string // what fast-detect says of a server that it took out
}

// tell words a note as HAProxy does and gives its severity.
func (sc *scene) tell(n note) (level int, text string) {
	name, alarm := sc.name(), LevelAlert
	if n.expected {
		alarm = LevelNotice
	}
	switch n.kind {
	case noteDown:
		return alarm, name + " is DOWN" + sc.reason(n.cause) + sc.left()
	case noteUp:
		return LevelNotice, name + " is UP" + sc.reason(n.cause) + sc.online()
	case noteStopping:
		return LevelNotice, name + " is stopping" + sc.reason(n.cause) + sc.online()
	case noteMaint:
		return alarm, name + " is going DOWN for maintenance" + sc.inherited(ForcedMaint) + sc.left()
	case noteWasDown:
		return LevelNotice, name + " was DOWN and now enters maintenance."
	case noteLeaveMaint, noteLeaveTrackedMaint:
		to, forced := "READY", "forced "
		if n.kind == noteLeaveTrackedMaint {
			forced = ""
		}
		if sc.st.Admin.Drain() {
			to = "DRAIN"
		}
		return LevelNotice, name + " is " + sc.upDown() + "/" + to + " (leaving " + forced + "maintenance)."
	case noteStillDrain:
		return LevelNotice, name + " remains in forced drain mode."
	case noteDrain:
		if sc.st.Op == Stopped {
			return LevelNotice, name + " enters drain state" + sc.inherited(ForcedDrain) + sc.left()
		}
		return LevelNotice, name + " enters drain state" + sc.inherited(ForcedDrain) + sc.online()
	case noteLeaveDrain:
		return LevelNotice, name + " is " + sc.upDown() + " (leaving forced drain)."
	case noteDrainUntil:
		return LevelNotice, name + sc.drainUntil()
	case noteDrainOver:
		return LevelNotice, name + sc.drainOver()
	case noteRemoved:
		return LevelNotice, name + sc.removed()
	case noteFelled:
		return LevelWarning, name + sc.felled
	case noteHeld:
		return LevelWarning, name + sc.held()
	case noteWarmHeld:
		return LevelWarning, name + sc.warmHeld()
	case noteWarmOn:
		return LevelNotice, name + " goes on with its slowstart (option slowstart-hold)."
	case noteReleased:
		return LevelNotice, name + " is not held any longer than others: no server of the backend is usable (option flap-damping)."
	case noteAgent:
		return LevelNotice, sc.check("Agent", &sc.st.Agent)
	default:
		return LevelNotice, sc.check("Health", &sc.st.Check)
	}
}

// inherited tells where a state comes from that the server was not forced into.
func (sc *scene) inherited(forced Admin) string {
	if sc.st.Admin&forced != 0 {
		return ""
	}
	return sc.via
}

func (sc *scene) name() string {
	word := "Server "
	if sc.backup {
		word = "Backup Server "
	}
	return word + sc.backend + "/" + sc.server
}

func (sc *scene) drainUntil() string {
	d := sc.st.Drain
	return fmt.Sprintf(" is drained within %s, users move after a pause of %s. %d sessions active, %d of them WebSockets.",
		d.total(), d.AtIdle, sc.sessions, sc.webSockets)
}

func (sc *scene) removed() string {
	return fmt.Sprintf(" is not in the configuration any more and is drained within %s. %d sessions active, %d of them WebSockets.",
		sc.st.Drain.total(), sc.sessions, sc.webSockets)
}

func (sc *scene) drainOver() string {
	d := sc.st.Drain
	return fmt.Sprintf(" is drained after %s: %d users moved, %d WebSockets closed, %d sessions cut, %d left.",
		sc.now.Sub(d.Begun).Round(time.Millisecond), d.Tally.Moved.Load(), d.Tally.Closed.Load(), d.Tally.Cut.Load(), sc.sessions)
}

func (sc *scene) upDown() string {
	if sc.st.Op == Stopped {
		return "DOWN"
	}
	return "UP"
}

func (sc *scene) reason(c cause) string {
	switch {
	case c == causeFile:
		return ", changed from server-state after a reload" + sc.via
	case c == causeCLI:
		return ", changed from CLI" + sc.via
	case c == causeTrack || sc.logChecks:
		return sc.via
	case c == causeCheck:
		return last(&sc.st.Check) + sc.via
	case c == causeAgent:
		return last(&sc.st.Agent) + sc.via
	}
	return sc.via
}

// last says how the last check ended.
func last(c *CheckView) string {
	s := ", reason: " + c.Status.Text()
	if c.Status.HasCode() {
		s += fmt.Sprintf(", code: %d", c.Code)
	}
	if c.Info != "" {
		s += ", info: \"" + printable(c.Info) + "\""
	}
	if c.Duration >= 0 {
		s += fmt.Sprintf(", check duration: %dms", c.Duration.Milliseconds())
	}
	return s
}

func (sc *scene) left() string {
	return fmt.Sprintf(". %d active and %d backup servers left.%s %d sessions active, %d requeued, %d remaining in queue.",
		sc.act, sc.bck, sc.onBackup(), sc.sessions, sc.requeued, sc.queued)
}

func (sc *scene) online() string {
	return fmt.Sprintf(". %d active and %d backup servers online.%s %d sessions requeued, %d total in queue.",
		sc.act, sc.bck, sc.onBackup(), sc.requeued, sc.queued)
}

func (sc *scene) onBackup() string {
	if sc.act == 0 && sc.bck > 0 {
		return " Running on backup."
	}
	return ""
}

// check is the line of option log-health-checks.
func (sc *scene) check(what string, c *CheckView) string {
	st, backup, verb := sc.st, "", "failed"
	if sc.backup {
		backup = "backup "
	}
	switch c.Status.Outcome() {
	case Passed:
		verb = "succeeded"
	case PassedStopped:
		verb = "conditionally succeeded"
	}
	have, rise, fall := st.Health, st.Rise, st.Fall
	if what == "Agent" {
		have, rise, fall = 0, 1, 1
		if st.AgentUp {
			have = 1
		}
	}
	of, word := rise, "DOWN"
	if have >= rise {
		have, of, word = have-rise+1, fall, "UP"
		if st.UWeight == 0 {
			word = "DRAIN"
		}
	}
	return fmt.Sprintf("%s check for %sserver %s/%s %s%s, status: %d/%d %s.",
		what, backup, sc.backend, sc.server, verb, last(c), have, of, word)
}

// printable writes quotes, brackets and what is no printable ASCII as <XX>, as
// HAProxy does, so that a server cannot forge a log line.
func printable(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			fmt.Fprintf(&b, "<%02X>", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
