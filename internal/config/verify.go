package config

import (
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
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
	if d.Stats != nil {
		d.Stats.ownScope(d.Name)
	}
	l.verifyTLS(d)
	l.verifyServersTLS(d)
	l.verifyTimeouts(d)
	if d.Mode == ModeTCP {
		l.verifyTCP(d)
	}
	if d.Frontend && d.format.kind != "" && len(d.Logs) == 0 {
		l.about(lang.Warning, d.format.at, "log format ignored for %s '%s' since it has no log address.", d.noun(), d.Name)
	}
	l.verifyChecks(d)
}

// verifyTimeouts warns about the timeouts without which clients or servers can
// hold connections for ever.
func (l *loader) verifyTimeouts(d *draft) {
	var missing bool
	if d.Frontend {
		missing = d.Timeouts.Client == 0
	}
	if d.Backend && len(d.Servers) > 0 {
		missing = missing || d.Timeouts.Connect == 0 || d.Timeouts.Server == 0
	}
	if !missing {
		return
	}
	l.about(lang.Warning, d.at, "%s", strings.Join(missingTimeouts(d.noun()+" '"+d.Name+"'"), "\n"))
}

func missingTimeouts(of string) []string {
	return []string{
		"missing timeouts for " + of + ".",
		"   | While not properly invalid, you will certainly encounter various problems",
		"   | with such a configuration. To fix this, please ensure that all following",
		"   | timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
	}
}

// where is the place of a keyword that the proxy or its defaults has.
func (d *draft) where(keyword string) lang.Word {
	if at, ok := d.said[keyword]; ok {
		return lang.Word{Pos: at, Len: len(keyword)}
	}
	return d.at
}

// verifyTCP warns about what needs mode http and takes it away.
func (l *loader) verifyTCP(d *draft) {
	ignored := func(what, verb, it string) {
		l.about(lang.Warning, d.at, "'%s' %s ignored for %s '%s' as %s HTTP mode.", what, verb, d.noun(), d.Name, it)
	}
	if d.Stats != nil {
		ignored("stats", "statement", "it requires")
		d.Stats = nil
	}
	if d.Cookie != nil && d.Backend {
		l.about(lang.Warning, d.at, "cookie will be ignored for %s '%s' (needs 'mode http').", d.noun(), d.Name)
		d.Cookie = nil
	}
	if d.MonitorURI != "" && d.Frontend {
		l.about(lang.Warning, d.at, "monitor-uri will be ignored for %s '%s' (needs 'mode http').", d.noun(), d.Name)
		d.MonitorURI = ""
	}
	for _, set := range []struct {
		name string
		list *[]*rule.Action
	}{{"http-request", &d.HTTPRequest}, {"http-response", &d.HTTPResponse}, {"http-after-response", &d.HTTPAfter}, {"redirect", &d.redirects}} {
		if len(*set.list) > 0 {
			ignored(set.name, "rules", "they require")
			*set.list = nil
		}
	}
	if d.ForwardFor != nil {
		l.about(lang.Warning, d.where("option forwardfor"), "'option %s' ignored for %s '%s' as it requires HTTP mode.", "forwardfor", d.noun(), d.Name)
		d.ForwardFor = nil
	}
	if d.OriginalTo != nil {
		l.about(lang.Warning, d.where("option originalto"), "'option %s' ignored for %s '%s' as it requires HTTP mode.", "originalto", d.noun(), d.Name)
		d.OriginalTo = nil
	}
	if d.Balance.Algorithm.Layer7() && d.Backend {
		l.about(lang.Warning, d.at, "Layer 7 hash not possible for %s '%s' (needs 'mode http'). Falling back to round robin.", d.noun(), d.Name)
		d.Balance.Algorithm = RoundRobin
	}
}
