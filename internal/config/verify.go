package config

import (
	"strings"

	"bascule/internal/lang"
)

// verify looks at a whole proxy: what HAProxy refuses or warns about when all
// lines are read.
func (l *loader) verify(d *draft) {
	if d.Disabled {
		return
	}
	if d.Frontend && len(d.Binds) == 0 {
		l.about(lang.Warning, d.at, "%s '%s' has no 'bind' directive. Please declare it as a backend if this was intended.", d.noun(), d.Name)
	}
	l.verifyTimeouts(d)
	if d.Mode == ModeTCP {
		l.verifyTCP(d)
	}
	if d.Frontend && d.format.kind != "" && len(d.Logs) == 0 && d.format.at.Pos.Line >= d.at.Pos.Line && d.format.at.Pos.File == d.at.Pos.File {
		l.about(lang.Warning, d.format.at, "log format ignored for %s '%s' since it has no log address.", d.noun(), d.Name)
	}
	if d.Cookie != nil && d.Mode == ModeTCP && d.Backend {
		l.about(lang.Warning, d.at, "'cookie' statement ignored for %s '%s' as it requires HTTP mode.", d.noun(), d.Name)
	}
}

// verifyTimeouts warns about the timeouts without which clients or servers can
// hold connections for ever.
func (l *loader) verifyTimeouts(d *draft) {
	var missing bool
	if d.Frontend {
		missing = d.Timeouts.Client == 0 && len(d.Binds) > 0 || d.Timeouts.Client == 0
	}
	if d.Backend && len(d.Servers) > 0 {
		missing = missing || d.Timeouts.Connect == 0 || d.Timeouts.Server == 0
	}
	if !missing {
		return
	}
	l.about(lang.Warning, d.at, "%s", strings.Join([]string{
		"missing timeouts for " + d.noun() + " '" + d.Name + "'.",
		"   | While not properly invalid, you will certainly encounter various problems",
		"   | with such a configuration. To fix this, please ensure that all following",
		"   | timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
	}, "\n"))
}

// verifyTCP warns about what needs mode http.
func (l *loader) verifyTCP(d *draft) {
	if d.Frontend && d.format.kind == "http" {
		d.format.kind = "tcp"
		l.about(lang.Warning, d.format.at, "parsing [%s] : 'option httplog' not usable with %s '%s' (needs 'mode http'). Falling back to 'option tcplog'.",
			place(d.format.at.Pos), d.noun(), d.Name)
	}
	if d.ForwardFor != nil {
		l.about(lang.Warning, d.at, "'option %s' ignored for %s '%s' as it requires HTTP mode.", "forwardfor", d.noun(), d.Name)
		d.ForwardFor = nil
	}
}
