package backend

import (
	"fmt"
	"strings"
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
)

type cause uint8

const (
	causeNone cause = iota
	causeCheck
	causeCLI
)

func (t *turn) note(k noteKind, c cause) { t.notes = append(t.notes, note{kind: k, cause: c}) }

// A scene is what a message says beside the server's own state.
type scene struct {
	backend, server string
	backup          bool
	logChecks       bool // option log-health-checks has told the reason already
	st              *State
	act, bck        int   // usable servers of the backend
	sessions        int64 // of the server
	requeued        int
	queued          int64 // still waiting for the server
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
		return alarm, name + " is going DOWN for maintenance" + sc.left()
	case noteWasDown:
		return LevelNotice, name + " was DOWN and now enters maintenance."
	case noteLeaveMaint:
		to := "READY"
		if sc.st.Admin.Drain() {
			to = "DRAIN"
		}
		return LevelNotice, name + " is " + sc.upDown() + "/" + to + " (leaving forced maintenance)."
	case noteStillDrain:
		return LevelNotice, name + " remains in forced drain mode."
	case noteDrain:
		if sc.st.Op == Stopped {
			return LevelNotice, name + " enters drain state" + sc.left()
		}
		return LevelNotice, name + " enters drain state" + sc.online()
	case noteLeaveDrain:
		return LevelNotice, name + " is " + sc.upDown() + " (leaving forced drain)."
	default:
		return LevelNotice, sc.check()
	}
}

func (sc *scene) name() string {
	word := "Server "
	if sc.backup {
		word = "Backup Server "
	}
	return word + sc.backend + "/" + sc.server
}

func (sc *scene) upDown() string {
	if sc.st.Op == Stopped {
		return "DOWN"
	}
	return "UP"
}

func (sc *scene) reason(c cause) string {
	switch {
	case c == causeCLI:
		return ", changed from CLI"
	case c == causeCheck && !sc.logChecks:
		return sc.lastCheck()
	}
	return ""
}

// lastCheck says how the last check ended.
func (sc *scene) lastCheck() string {
	c := &sc.st.Check
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
func (sc *scene) check() string {
	st, backup, verb := sc.st, "", "failed"
	if sc.backup {
		backup = "backup "
	}
	switch st.Check.Status.Outcome() {
	case Passed:
		verb = "succeeded"
	case PassedStopped:
		verb = "conditionally succeeded"
	}
	have, of, word := st.Health, st.Rise, "DOWN"
	if st.Health >= st.Rise {
		have, of, word = st.Health-st.Rise+1, st.Fall, "UP"
		if st.UWeight == 0 {
			word = "DRAIN"
		}
	}
	return fmt.Sprintf("Health check for %sserver %s/%s %s%s, status: %d/%d %s.",
		backup, sc.backend, sc.server, verb, sc.lastCheck(), have, of, word)
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
