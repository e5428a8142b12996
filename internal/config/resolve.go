package config

import (
	"bascule/internal/lang"
)

// resolve joins what the lines name: backends, ids, addresses, logs. It runs
// when the lines themselves are right.
func (l *loader) resolve() {
	for _, d := range l.drafts {
		l.cfg.Proxies = append(l.cfg.Proxies, d.Proxy)
	}
	l.numberAll()
	for _, d := range l.drafts {
		l.resolveBackends(d)
		l.sameNames(d)
		l.settleLogs(d)
		d.settleCheck()
		for _, b := range d.Binds {
			if b.Backlog == 0 {
				b.Backlog = d.backlog
			}
		}
		l.verify(d)
		d.HTTPRequest = append(d.HTTPRequest, d.redirects...)
	}
	if l.problems.Alerts() == 0 {
		l.resolveServers()
	}
}

// resolveBackends looks up the names of use_backend and default_backend.
func (l *loader) resolveBackends(d *draft) {
	if !d.Frontend {
		return
	}
	if d.fallback.Text != "" {
		d.DefaultBackend = l.backend(d, d.fallback, "default_backend")
	}
	for _, s := range d.switches {
		if b := l.backend(d, s.name, "use_backend"); b != nil {
			d.UseBackend = append(d.UseBackend, Switch{Cond: s.cond, Backend: b})
		}
	}
}

func (l *loader) backend(d *draft, name lang.Word, keyword string) *Proxy {
	b := l.byName["b/"+name.Text]
	if b == nil {
		l.about(lang.Alert, name, "Proxy '%s': unable to find required %s: '%s'.", d.Name, keyword, name.Text)
		l.hintBackends(name)
		return nil
	}
	if b == d {
		l.about(lang.Alert, name, "Proxy '%s': loop detected for %s: '%s'.", d.Name, keyword, name.Text)
		return nil
	}
	if b.Mode != d.Mode {
		rule := "in a 'use_backend' rule (see 'mode')"
		if keyword == "default_backend" {
			rule = "as its default backend (see 'mode')"
		}
		l.about(lang.Alert, name, "%s %s '%s' (%s) tries to use incompatible %s %s '%s' (%s) %s.",
			d.Mode, d.noun(), d.Name, d.Line, b.Mode, b.noun(), b.Name, b.Line, rule)
		return nil
	}
	return b.Proxy
}

// hintBackends completes the last problem with the backends there are.
func (l *loader) hintBackends(name lang.Word) {
	q := &l.problems.List[len(l.problems.List)-1]
	for _, d := range l.drafts {
		if d.Backend {
			q.Allowed = append(q.Allowed, d.Name)
		}
	}
	q.Near = lang.Nearest(name.Text, q.Allowed)
}

// sameNames looks for servers of one proxy that have one name.
func (l *loader) sameNames(d *draft) {
	names := map[string]int{}
	for i, s := range d.Servers {
		first, ok := names[s.Name]
		if !ok {
			names[s.Name] = i
			continue
		}
		l.about(lang.Alert, d.serverAt[i], "proxy '%s', another server named '%s' was already defined at line %d, please use distinct names.",
			d.Name, s.Name, d.serverAt[first].Pos.Line)
		l.problems.List[len(l.problems.List)-1].Shape = lang.Parsing
	}
}
