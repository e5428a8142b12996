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
	FailedChecks int64         // chkfail
	Downs        int64         // chkdown
	downtime     time.Duration // before Since
	ramps        bool          // the algorithm follows weights during slowstart
	Removed      bool          // no longer in the configuration; its last sessions end
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

// Status is the column status of the statistics: "UP", "UP 1/3", "DOWN 1/2",
// "NOLB", "DRAIN", "MAINT", "no check".
func (st *State) Status() string {
	switch {
	case st.Admin&AddrMaint != 0:
		return "MAINT (resolution)"
	case st.Admin.Maint():
		return "MAINT"
	}
	if st.Op == Stopped {
		if st.Check.Enabled && st.Health > 0 {
			return fmt.Sprintf("DOWN %d/%d", st.Health, st.Rise)
		}
		return "DOWN"
	}
	word := "UP"
	switch {
	case st.Admin.Drain():
		word = "DRAIN"
	case st.Op == Stopping:
		word = "NOLB"
	}
	switch {
	case st.Check.Enabled && st.Health < st.Rise+st.Fall-1:
		return fmt.Sprintf("%s %d/%d", word, st.Health-st.Rise+1, st.Fall)
	case word == "UP" && !st.Check.Enabled:
		return "no check"
	}
	return word
}
