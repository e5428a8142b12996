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
	l.settleRings()
	for _, d := range l.drafts {
		l.settleSockets(d)
		l.resolveBackends(d)
		l.sameNames(d)
		l.resolveUseServer(d)
		l.settleErrors(d)
		l.settleSlots(d)
		l.settleLogs(d)
		d.settleCheck()
		l.resolveTracks(d)
		for _, b := range d.Binds {
			if b.Backlog == 0 {
				b.Backlog = d.backlog
			}
		}
		l.verify(d)
		d.HTTPRequest = append(d.HTTPRequest, d.redirects...)
	}
	l.settleUsers()
	l.resolveNames()
	l.resolveReplies()
	if l.problems.Alerts() == 0 {
		l.loadStates()
		l.resolveServers()
		for _, d := range l.drafts {
			l.sameCookies(d)
		}
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
		if s.format != nil {
			d.UseBackend = append(d.UseBackend, Switch{Cond: s.cond, Name: s.format, Text: s.name.Text, At: s.name.Pos})
			continue
		}
		if b := l.backend(d, s.name, "use_backend"); b != nil {
			d.UseBackend = append(d.UseBackend, Switch{Cond: s.cond, Backend: b, Text: s.name.Text, At: s.name.Pos})
		}
	}
}

func (l *loader) backend(d *draft, name lang.Word, keyword string) *Proxy {
	b := l.byName["b/"+name.Text]
	if b == nil {
		l.about(lang.Alert, name, "Proxy '%s': unable to find required %s: '%s'.", d.Name, keyword, name.Text)
		l.hint(name, l.backendNames)
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

// maxHints is how many unknown names of proxies and servers get a suggestion: who
// has more of them has left out a file, and each costs a look at all names.
const maxHints = 100

// hint completes the last problem, about an unknown name, with what names there
// are; known lists them.
func (l *loader) hint(name lang.Word, known func() []string) {
	if l.hints++; l.hints > maxHints {
		return
	}
	q := &l.problems.List[len(l.problems.List)-1]
	q.Allowed = known()
	q.Near = lang.Nearest(name.Text, q.Allowed)
}

// backendNames are the names of all backends, in the order of the file.
func (l *loader) backendNames() []string {
	if l.backends == nil {
		for _, d := range l.drafts {
			if d.Backend {
				l.backends = append(l.backends, d.Name)
			}
		}
	}
	return l.backends
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
		l.about(lang.Alert, d.serverAt[i], "%s '%s', another server named '%s' was already defined at line %d, please use distinct names.",
			d.noun(), d.Name, s.Name, d.serverAt[first].Pos.Line)
		l.problems.List[len(l.problems.List)-1].Shape = lang.Parsing
	}
}
