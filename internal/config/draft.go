package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"bascule/internal/lang"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// A draft is a proxy or a defaults section while its lines are read.
type draft struct {
	*Proxy
	kind       string    // frontend, backend, listen
	at         lang.Word // its name in the header
	isDefaults bool
	inheritance
	acls *rule.ACLs

	logs       []logLine
	format     logFormat
	dataFormat logFormat // log-format-sd
	failFormat logFormat // error-log-format
	template   Server    // default-server
	servers    map[string]*Server
	switches   []pendingSwitch
	useServer  []pendingServer
	fallback   lang.Word // default_backend
	timeoutSet map[string]bool
	serverAt   []lang.Word // names of Servers, in the same order
	modeAt     lang.Word
	checks     checkDraft
	redirects  []*rule.Action
	errors     []errorSetting
	slots      []slotUse // of http-request capture id and its kin
	backlog    int
	lastRule   string // the first kind of rule seen that is evaluated after http-request
}

// inheritance is what a defaults section knows of those that follow it.
type inheritance struct {
	hasRules bool    // it has http-request or other rules
	usedBy   Section // the sides that took them
	named    bool    // a `from` names it
	unnamed  bool    // a section without `from` follows it
}

// A logLine is one `log` line: a sink of its own or those of global.
type logLine struct {
	global bool
	target *logs.Target
}

// A logFormat is what the traffic log is to look like, until it is compiled.
type logFormat struct {
	kind string // "", "http", "clf", "tcp", "https", "text"
	text string
	at   lang.Word
}

// A pendingSwitch is a use_backend line whose backend is not looked up yet.
type pendingSwitch struct {
	name   lang.Word
	format *rule.Format // of a name with values in it
	cond   *rule.Cond
}

// newDefaults is a defaults section with HAProxy's own defaults.
func (l *loader) newDefaults() *draft {
	return &draft{
		Proxy: &Proxy{Retries: defaultRetries, said: map[string]lang.Pos{}},
		acls:  &rule.ACLs{Library: l.library},
		template: Server{
			Weight: 1, Fall: defaultFall, Rise: defaultRise, Inter: defaultInter, ErrorLimit: defaultErrorLimit, PoolMaxConn: -1, PoolPurgeDelay: defaultPurge, MaxReuse: -1,
			InitAddr: []string{"last", "libc"},
		},
		timeoutSet: map[string]bool{},
		isDefaults: true,
	}
}

// HAProxy's defaults (manual: retries, fall, rise, inter).
const (
	defaultRetries = 3
	defaultFall    = 3
	defaultRise    = 2
	defaultInter   = 2 * time.Second
	// defaultErrorLimit is HAProxy's error-limit.
	defaultErrorLimit = 10
	defaultPurge      = 5 * time.Second
)

// child is a section that begins with what d says. ACLs and rules of a named
// defaults section are shared, so its rules find its own ACLs.
func (d *draft) child() *draft {
	c := *d
	px := *d.Proxy
	c.Proxy = &px
	c.errors = slices.Clip(d.errors)
	px.MonitorFail = slices.Clip(d.MonitorFail)
	px.said = maps.Clone(d.said)
	px.HTTPRequest = slices.Clip(d.HTTPRequest)
	px.HTTPResponse = slices.Clip(d.HTTPResponse)
	px.HTTPAfter = slices.Clip(d.HTTPAfter)
	px.TCP.Connection, px.TCP.Session = slices.Clip(d.TCP.Connection), slices.Clip(d.TCP.Session)
	px.TCP.Request, px.TCP.Response = slices.Clip(d.TCP.Request), slices.Clip(d.TCP.Response)
	px.Captures = slices.Clip(d.Captures)
	if d.Stats != nil {
		stats := *d.Stats
		stats.Auth, stats.Scope = slices.Clip(stats.Auth), slices.Clip(stats.Scope)
		px.Stats = &stats
	}
	c.logs = slices.Clip(d.logs)
	c.inheritance = inheritance{}
	c.acls = &rule.ACLs{Library: d.acls.Library}
	c.timeoutSet = maps.Clone(d.timeoutSet)
	c.servers = map[string]*Server{}
	c.checks = d.checks.child()
	return &c
}

// sides are the places a keyword may name to stand here.
func (d *draft) sides() Section {
	var s Section
	if d.Frontend {
		s |= InFrontend
	}
	if d.Backend {
		s |= InBackend
	}
	return s
}

// owns says whether a line belongs to the section itself, not to its defaults.
func (d *draft) owns(w lang.Word) bool {
	return w.Pos.File == d.at.Pos.File && w.Pos.Line >= d.at.Pos.Line
}

// noun is what HAProxy calls the proxy in messages.
func (d *draft) noun() string {
	if d.Frontend && d.Backend {
		return "proxy"
	}
	if d.Backend {
		return "backend"
	}
	return "frontend"
}

// place is file:line.
func place(p lang.Pos) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }
