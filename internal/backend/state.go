package backend

import (
	"fmt"
	"time"
)

// Admin is the administrative state of a server: HAProxy's mask, as the column
// srv_admin_state of "show servers state" prints it.
type Admin uint8

// The bits of Admin.
const (
	ForcedMaint  Admin = 0x01 // set server … state maint, disable server
	TrackedMaint Admin = 0x02 // inherited from a tracked server
	ConfigMaint  Admin = 0x04 // `disabled` on the server line; informative, comes with ForcedMaint
	ForcedDrain  Admin = 0x08 // set server … state drain
	TrackedDrain Admin = 0x10
	AddrMaint    Admin = 0x20 // the name has no address yet
	NameMaint    Admin = 0x40 // the name was set at run time

	maintMask = ForcedMaint | TrackedMaint | AddrMaint
	drainMask = ForcedDrain | TrackedDrain
)

// Maint says that the server takes no traffic and no checks.
func (a Admin) Maint() bool { return a&maintMask != 0 }

// Drain says that the server takes only persistent traffic.
func (a Admin) Drain() bool { return a&drainMask != 0 && !a.Maint() }

// Op is the operational state of a server, numbered as in "show servers state".
type Op uint8

// The operational states. Starting is up within its slowstart; Stopping is up
// for persistent traffic only (http-check disable-on-404).
const (
	Stopped Op = iota
	Starting
	Running
	Stopping
)

// A CheckView is the last word of the active checks about a server.
type CheckView struct {
	Configured bool // `check` on the server line
	Enabled    bool // configured, and not disabled by "disable health"
	Paused     bool // the server is in maintenance
	Status     CheckStatus
	Code       int           // status of the reply, 0 if there was none
	Duration   time.Duration // of the last check, -1 before the first
	Usual      time.Duration // that passed checks take, of the slower lately
	Info       string        // what was seen, "" if nothing to say
	Since      time.Time     // Status has been this one since
}

// A State is everything that can be known about a server's state at one
// moment. It is immutable and read from any goroutine.
type State struct {
	Admin   Admin
	Op      Op
	Health  int // 0 … Rise+Fall-1; Rise and more is up
	Rise    int
	Fall    int
	IWeight int // of the file
	UWeight int // of the file or of "set server … weight"
	EWeight int // in force, in 1/balance.WeightScale: lower during slowstart

	Since        time.Time     // of the last change of Admin or Op
	SlowStart    time.Duration // of the server line, in whole seconds
	Check        CheckView
	Agent        CheckView     // of agent-check
	AgentUp      bool          // its last word about health was not down, stopped or fail
	Tracks       bool          // follows another server
	tracked      Op            // of that server
	MaxConn      int           // of the file or of an agent
	Suspect      Suspicion     // by its traffic
	FailedChecks int64         // chkfail
	Analyzed     int64         // hanafail: times that observed traffic changed something
	Downs        int64         // chkdown
	downtime     time.Duration // before Since
	initState    string
	ramps        bool          // the algorithm follows weights during slowstart
	Held         time.Duration // the ramp of its slowstart was held so long
	Warm         string        // why it is held now; "": it is not
	steady       time.Duration // rise checks take so long; 0: flaps are not damped
	Flap         Flapping
	Drain        *Draining // nil: none is ordered
	Removed      bool      // no longer in the configuration; its last sessions end
}

// Usable says that balancing may choose the server.
func (st *State) Usable() bool {
	return st.EWeight > 0 && !st.Removed && !st.Admin.Maint() && !st.Admin.Drain() &&
		(st.Op == Running || st.Op == Starting)
}

// Persists says that a cookie that names the server is honoured: it is up,
// drained or of weight 0, but neither DOWN nor in maintenance.
func (st *State) Persists() bool {
	return !st.Removed && st.Op != Stopped && !st.Admin.Maint()
}

// Downtime is how long the server has been down altogether.
func (st *State) Downtime(now time.Time) time.Duration {
	if st.Op == Stopped {
		return st.downtime + now.Sub(st.Since)
	}
	return st.downtime
}

// Throttle is the part of its weight that a starting server has, in percent,
// rounded as HAProxy does; false when it is not starting.
func (st *State) Throttle() (percent int, starting bool) {
	if st.Op != Starting || st.SlowStart == 0 || st.UWeight == 0 || st.Admin.Maint() {
		return 0, false
	}
	return (100*st.EWeight + weightScale - 1) / (weightScale * st.UWeight), true
}

// Weight is the effective weight in the units of the file, rounded up: the
// column weight of the statistics.
func (st *State) Weight() int { return (st.EWeight + weightScale - 1) / weightScale }

// Status is the column status of the statistics of a server that follows no
// other: "UP", "UP 1/3", "DOWN 1/2", "DOWN (agent)", "NOLB", "DRAIN", "MAINT",
// "no check".
func (st *State) Status() string { return st.status(st) }

// status takes health from ref: the server at the end of a chain of `track`.
func (st *State) status(ref *State) string {
	switch {
	case st.Admin&AddrMaint != 0:
		return "MAINT (resolution)"
	case st.Admin.Maint():
		return "MAINT"
	}
	steps := ref.Check.Enabled && ref.Health < ref.Rise+ref.Fall-1
	switch {
	case st.Op == Stopped:
		return ref.downStatus()
	case st.Admin.Drain() && ref.Agent.Enabled && st.Op != Stopping:
		return "DRAIN (agent)"
	case st.Admin.Drain():
		return ref.counted("DRAIN", steps)
	case st.Op == Stopping:
		return ref.counted("NOLB", steps)
	case !ref.Check.Enabled:
		return "no check"
	}
	return ref.counted("UP", steps)
}

func (st *State) downStatus() string {
	switch {
	case st.Agent.Enabled && !st.AgentUp:
		return "DOWN (agent)"
	case st.Check.Enabled && st.Health > 0:
		return fmt.Sprintf("DOWN %d/%d", st.Health, st.Rise)
	}
	return "DOWN"
}

// counted adds how many checks are left before the state changes.
func (st *State) counted(word string, steps bool) string {
	if !steps {
		return word
	}
	return fmt.Sprintf("%s %d/%d", word, st.Health-st.Rise+1, st.Fall)
}
