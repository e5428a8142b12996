package config

import (
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// resolveNames looks up the proxies, servers and userlists that fetches name.
func (l *loader) resolveNames() {
	for i := range l.library.Names {
		n := &l.library.Names[i]
		switch n.Kind {
		case rule.NameUserlist:
			l.resolveUsers(n)
		case rule.NameServer:
			l.resolveServer(n)
		default:
			l.resolveProxy(n)
		}
	}
}

func (l *loader) resolveProxy(n *rule.Name) {
	side, kind := "b/", "backend"
	if n.Kind == rule.NameFrontend {
		side, kind = "f/", "frontend"
	}
	switch {
	case l.byName[side+n.Text] != nil:
	case !n.Implied:
		l.name(n, "unable to find %s '%s' referenced %s.", kind, n.Text, n)
	case l.byName["f/"+n.Text] != nil || l.byName["b/"+n.Text] != nil: // else it is a defaults section
		l.name(n, "proxy '%s', referenced %s, has not %s capability.", n.Text, n, kind)
	}
}

func (l *loader) resolveServer(n *rule.Name) {
	d := l.byName["b/"+n.Text]
	if d == nil && !n.Implied {
		l.name(n, "unable to find proxy '%s' referenced %s.", n.Text, n)
		return
	}
	if d != nil {
		for _, s := range d.Servers {
			if s.Name == n.Server {
				return
			}
		}
	}
	l.name(n, "unable to find server '%s' in proxy '%s', referenced %s.", n.Server, n.Text, n)
}

func (l *loader) resolveUsers(n *rule.Name) {
	if u := l.userlists[n.Text]; u != nil {
		n.SetUsers(u.list)
		return
	}
	l.name(n, "unable to find userlist '%s' referenced %s.", n.Text, n)
}

// name adds a problem about a name.
func (l *loader) name(n *rule.Name, format string, args ...any) {
	l.about(lang.Alert, n.At, format, args...)
	l.problems.List[len(l.problems.List)-1].Shape = lang.Parsing
}
