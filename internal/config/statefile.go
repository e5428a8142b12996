package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bascule/internal/lang"
)

// A StateFrom says where a backend's servers find their state at the start.
type StateFrom uint8

// The values of load-server-state-from-file.
const (
	StateNone StateFrom = iota
	StateGlobal
	StateLocal
)

// Saved is a server's line in a state file: the text of "show servers state"
// of an earlier process. What its line in the configuration says is newer
// where the two differ.
type Saved struct {
	Op               int // 0 stopped, 1 starting, 2 running, 3 stopping
	Admin            int // HAProxy's mask, without what is inherited
	UWeight, IWeight int
	Age              time.Duration // since the last change of state
	CheckStatus      int           // as "show servers state" numbers it
	Health           int
	CheckOff         bool // "disable health" was said
	AgentOff         bool // "disable agent" was said
}

// The columns of a state file behind be_id, be_name, srv_id and srv_name.
const (
	stateName  = 3 // srv_name
	stateFirst = 4 // what a server takes over begins here
	// The least and the most columns of version 1, as HAProxy takes them.
	stateLeast, stateMost = 20, 25

	stateAddr, stateOp, stateAdmin, stateUWeight, stateIWeight, stateAge      = 0, 1, 2, 3, 4, 5
	stateCheckStatus, stateCheckResult, stateHealth, stateCheck, stateAgent   = 6, 7, 8, 9, 10
	stateBackendID, stateServerID, statePort, stateCheckPort, stateCheckAddr  = 11, 12, 14, 17, 18
	stateConfigured, stateEnabled                                             = 0x2, 0x4
	stateMaint, stateOfConfig, stateDrain                                     = 0x1, 0x4, 0x8
	stateCheckStatuses, stateCheckResults, stateChecks, stateAgents, stateOps = 22, 4, 0x1f, 0x1f, 3
)

// loadStates reads the state files and gives each server its line.
func (l *loader) loadStates() {
	if l.env.States != "" {
		l.continueStates()
		return
	}
	var global map[string][]string
	for _, d := range l.drafts {
		if d.StateFrom == StateGlobal && len(d.Servers) > 0 {
			if l.cfg.Global.StateFile == "" {
				l.whole(lang.Warning, "backend '%s' configured to load server state file from global section 'server-state-file' directive. Unfortunately, 'server-state-file' is not set!", d.Name)
			} else if global == nil {
				global = l.stateFile(l.cfg.Global.StateFile, "config: ", "global server", "")
			}
		}
	}
	for _, d := range l.drafts {
		lines := global
		switch {
		case len(d.Servers) == 0 || d.StateFrom == StateNone:
			continue
		case d.StateFrom == StateLocal:
			lines = l.stateFile(cmp.Or(d.StateFile, d.Name), "Proxy '"+d.Name+"': ", "server", ".")
		}
		for _, s := range d.Servers {
			if line := lines[d.Name+" "+s.Name]; line != nil {
				l.takeOver(d, s, line)
			}
		}
	}
}

// stateFile reads a file; one with a line that is not a server's says nothing.
// subject, kind and stop make HAProxy's messages.
func (l *loader) stateFile(name, subject, kind, stop string) map[string][]string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.cfg.Global.StateBase, name)
	}
	data, err := l.env.ReadFile(name)
	if err != nil {
		l.whole(lang.Warning, "%sCan't open %s state file '%s': %s%s", subject, kind, name, errorText(err), stop)
		return map[string][]string{}
	}
	version, rest, _ := bytes.Cut(data, []byte("\n"))
	if string(version) != "1" {
		l.whole(lang.Warning, "%sCan't get version of the %s state file '%s'.", subject, kind, name)
		return map[string][]string{}
	}
	lines, wrong := stateLines(string(rest))
	if wrong > 0 {
		l.whole(lang.Warning, "%scorrupted %s state file '%s' at line %d.", subject, kind, name, wrong)
	}
	return lines
}

// continueStates gives each server the state that it had in the process before.
func (l *loader) continueStates() {
	_, rest, _ := strings.Cut(l.env.States, "\n") // the version
	lines, _ := stateLines(rest)                  // ours: no line is short
	for _, d := range l.drafts {
		for _, s := range d.Servers {
			if line := lines[d.Name+" "+s.Name]; line != nil {
				l.takeOver(d, s, line)
			}
			if s.Saved != nil {
				s.Saved.Age += l.env.StatesAge
			}
		}
	}
}

// stateLines are the lines of a state file by backend and server, without its version;
// none, and the number of a line that is too short, if there is one.
func stateLines(text string) (lines map[string][]string, wrong int) {
	lines = map[string][]string{}
	for i, text := range strings.Split(text, "\n") {
		words := strings.Fields(text)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) < stateLeast:
			return map[string][]string{}, i + 1
		default:
			key := words[1] + " " + words[stateName]
			if lines[key] == nil { // the first counts
				lines[key] = words[stateFirst:min(len(words), stateMost)]
			}
		}
	}
	return lines, 0
}

// errorText is what strerror(3) says of an error.
func errorText(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// takeOver gives a server what its line in a state file says: all of it that
// concerns the state, or nothing if a column is wrong; then addresses.
func (l *loader) takeOver(d *draft, s *Server, line []string) {
	var wrong strings.Builder
	number := func(at int, name string, low, high int64) int64 {
		n, err := strconv.ParseInt(line[at], 10, 64)
		if err != nil || n < low || n > high {
			fmt.Fprintf(&wrong, ", invalid %s value '%s'", name, line[at])
		}
		return n
	}
	sv := &Saved{Op: int(number(stateOp, "srv_op_state", 0, stateOps))}
	sv.Admin = int(number(stateAdmin, "srv_admin_state", 0, 0x7f)) & (stateMaint | stateOfConfig | stateDrain)
	if sv.Admin&stateMaint != 0 && sv.Admin&stateDrain != 0 {
		fmt.Fprintf(&wrong, ", invalid srv_admin_state value '%s'", line[stateAdmin])
	}
	sv.UWeight = int(number(stateUWeight, "srv_uweight", 0, maxWeight))
	sv.IWeight = int(number(stateIWeight, "srv_iweight", 0, maxWeight))
	sv.Age = max(0, time.Duration(number(stateAge, "srv_last_time_change", -maxInt32, maxInt32))*time.Second)
	sv.CheckStatus = int(number(stateCheckStatus, "srv_check_status", 0, stateCheckStatuses))
	number(stateCheckResult, "srv_check_result", 0, stateCheckResults)
	sv.Health = int(number(stateHealth, "srv_check_health", -maxInt32, maxInt32))
	check := number(stateCheck, "srv_check_state", 0, stateChecks)
	agent := number(stateAgent, "srv_agent_state", 0, stateAgents)
	number(stateBackendID, "bk_f_forced_id", 0, 1)
	number(stateServerID, "srv_f_forced_id", 0, 1)
	port, err := strconv.Atoi(line[statePort])
	if err == nil && (port < 0 || port > maxPort) {
		fmt.Fprintf(&wrong, ", invalid srv_port value '%s'", line[statePort])
	}
	if wrong.Len() > 0 {
		l.whole(lang.Warning, "server-state application failed for server '%s/%s'%s", d.Name, s.Name, wrong.String())
		return
	}
	sv.CheckOff = check&stateConfigured != 0 && check&stateEnabled == 0
	sv.AgentOff = agent&stateConfigured != 0 && agent&stateEnabled == 0
	s.Saved = sv
	if port > 0 && s.Addr.Kind == AddrTCP {
		s.Addr.Port = port
	}
	s.lastAddr, _ = netip.ParseAddr(line[stateAddr])
	if why := s.takeCheckAddr(line); why != "" {
		l.whole(lang.Warning, "server-state partially applied for server '%s/%s', %s", d.Name, s.Name, why)
	}
}

// takeCheckAddr takes over where the checks went, if anywhere else.
func (s *Server) takeCheckAddr(line []string) (why string) {
	if len(line) <= stateCheckAddr {
		return ""
	}
	port, err := strconv.Atoi(line[stateCheckPort])
	addr := line[stateCheckAddr]
	switch ip, bad := netip.ParseAddr(addr); {
	case port == 0 && addr == "-" && err == nil:
	case !s.Check:
		return "health checks are not enabled on this server"
	case err != nil || port < 0 || port > maxPort:
		return "provided port is invalid"
	case addr != "-" && bad != nil:
		return "invalid addr '" + addr + "'"
	default:
		if port > 0 {
			s.CheckAddr.Port = port
		}
		if addr != "-" {
			s.CheckAddr.IP = ip
		}
	}
	return ""
}

// maxPort is the largest port.
const maxPort = 65535

// stateFroms are the values of load-server-state-from-file.
var stateFroms = []string{"none", "global", "local"}

func parseStateFrom(x *line) {
	got := x.arg(0)
	for i, name := range stateFroms {
		if got == name {
			x.px.StateFrom = StateFrom(i)
			return
		}
	}
	x.alert(x.at(0), "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '%s'", got)
}

func parseStateName(x *line) {
	if !x.atMost(1) {
		return
	}
	if x.px.StateFile = x.arg(0); x.px.StateFile == "use-backend-name" {
		x.px.StateFile = ""
	}
}
