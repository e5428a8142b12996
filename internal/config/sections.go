package config

import (
	"strings"

	"bascule/internal/lang"
)

// A sectionState is the section that lines go to.
type sectionState struct {
	kind string                  // the header's first word, "" before the first section
	name string                  // as .SECTION shows it
	px   *draft                  // of frontend, backend, listen, defaults
	skip bool                    // its lines cannot be read
	line func(words []lang.Word) // reads the lines of a section that the keyword table does not know
}

// title names the section as its header does: "frontend web", "global".
func (s *sectionState) title() string {
	if s.px == nil || s.px.Name == "" {
		return s.kind
	}
	return s.kind + " " + s.px.Name
}

// sectionHeaders are the words that begin a section.
var sectionHeaders map[string]func(*loader, []lang.Word)

// unreadSections are HAProxy's sections that are known and not read yet.
var unreadSections = map[string]string{
	"acme":        "certificates by ACME come with TLS",
	"cache":       "the small-object cache is not built",
	"fcgi-app":    "FastCGI servers are not spoken to",
	"log-forward": "syslog is written, not forwarded",
	"log-profile": "log formats are set by log-format",
	"mailers":     "mail is not sent; scrape the metrics",
	"peers":       "stick tables come first",
	"program":     "other programs belong to the service manager",
	"resolvers":   "names are resolved at start",
	"traces":      "tracing is not built",
}

// declareSections fills the table of headers; the functions refer to it.
func declareSections() map[string]func(*loader, []lang.Word) {
	m := map[string]func(*loader, []lang.Word){
		"global":   (*loader).enterGlobal,
		"defaults": (*loader).enterDefaults,
		"frontend": (*loader).enterProxy,
		"backend":  (*loader).enterProxy,
		"listen":   (*loader).enterProxy,

		"crt-store":   (*loader).enterStore,
		"http-errors": (*loader).enterErrors,
		"userlist":    (*loader).enterUsers,
		"ring":        (*loader).enterRing,
	}
	for name := range unreadSections {
		m[name] = (*loader).enterUnread
	}
	return m
}

func (l *loader) enterGlobal(words []lang.Word) {
	l.section = sectionState{kind: "global", name: "global"}
	if len(words) > 1 {
		l.problems.Alertf(words[1], "'global' cannot handle unexpected argument '%s'.", words[1].Text)
	}
}

func (l *loader) enterUnread(words []lang.Word) {
	kind := words[0].Text
	l.section = sectionState{kind: kind, name: kind, skip: true}
	if len(words) > 1 {
		l.section.name = words[1].Text
	}
	l.problems.Alertf(words[0], "section '%s' is known but not supported yet, and its lines are not read: %s.", kind, unreadSections[kind])
}

// enterDefaults begins a defaults section: `defaults [NAME] [from NAME]`.
func (l *loader) enterDefaults(words []lang.Word) {
	name, from, ok := l.header(words)
	d := l.newDefaults()
	d.at = words[0]
	if ok && from.Text != "" {
		parent := l.defaults[from.Text]
		if parent == nil {
			l.problems.Alertf(from, "defaults section '%s' not found for defaults '%s'.", from.Text, name.Text)
		} else {
			if parent.hasRules {
				l.problems.Alertf(from, "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules (defaults section at %s).", place(parent.at.Pos))
			}
			d = parent.child()
			d.at = words[0]
		}
	}
	d.Name = name.Text
	d.isDefaults = true
	l.section = sectionState{kind: "defaults", name: "defaults", px: d}
	if name.Text != "" {
		l.section.name = name.Text
		l.defaults[name.Text] = d
	}
	l.current = d
}

// enterProxy begins `frontend|backend|listen NAME [from DEFAULTS]`.
func (l *loader) enterProxy(words []lang.Word) {
	kind := words[0].Text
	name, from, ok := l.header(words)
	if !ok || name.Text == "" {
		if ok {
			l.problems.Alertf(words[0], "'%s' expects an <id> argument", kind)
		}
		l.section = sectionState{kind: kind, skip: true}
		return
	}
	parent := l.current
	if from.Text != "" {
		if parent = l.defaults[from.Text]; parent == nil {
			l.problems.Alertf(from, "defaults section '%s' not found for %s '%s'.", from.Text, kind, name.Text)
			parent = l.current
		}
	}
	l.inherit(parent, kind, name, from.Text != "")
	d := parent.child()
	d.isDefaults = false
	d.kind, d.at, d.Name = kind, name, name.Text
	d.Frontend, d.Backend = kind != "backend", kind != "frontend"
	d.Line = place(name.Pos)
	l.section = sectionState{kind: kind, name: name.Text, px: d}
	l.declare(d)
	l.drafts = append(l.drafts, d)
}

// inherit notes that a proxy follows a defaults section and says what must not be.
func (l *loader) inherit(parent *draft, kind string, name lang.Word, byName bool) {
	parent.named = parent.named || byName
	parent.unnamed = parent.unnamed || !byName
	if parent.named && parent.unnamed && parent.Name != "" {
		l.problems.Notef(name, "defaults section '%s' (declared at %s) is explicitly referenced by another proxy and implicitly used here. To avoid any ambiguity don't mix both usage. Add a last defaults section not explicitly used or always use explicit references.",
			parent.Name, place(parent.at.Pos))
	}
	if !parent.hasRules {
		return
	}
	side := InFrontend
	if kind == "backend" {
		side = InBackend
	}
	switch {
	case kind == "listen":
		l.problems.Alertf(name, "a listen section cannot inherit from a defaults section defining TCP/HTTP rules.")
	case parent.usedBy&^side != 0:
		l.problems.Alertf(name, "frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules (defaults section at %s).", place(parent.at.Pos))
	}
	parent.usedBy |= side
}

// declare enters a proxy's name; frontends and backends have their own name
// spaces, and `listen` stands in both.
func (l *loader) declare(d *draft) {
	for _, side := range []struct {
		prefix string
		in     bool
	}{{"f/", d.Frontend}, {"b/", d.Backend}} {
		if !side.in {
			continue
		}
		if first := l.byName[side.prefix+d.Name]; first != nil && first != d {
			l.problems.Alertf(d.at, "%s '%s' has the same name as %s '%s' declared at %s.",
				d.noun(), d.Name, first.noun(), first.Name, first.Line)
			return
		}
		l.byName[side.prefix+d.Name] = d
	}
}

// header reads `[NAME] [from NAME]` behind a section's word; ok is false when
// the name cannot be used.
func (l *loader) header(words []lang.Word) (name, from lang.Word, ok bool) {
	kind, rest := words[0].Text, words[1:]
	if len(rest) > 0 && (rest[0].Text != "from" || len(rest) == 1) {
		name, rest = rest[0], rest[1:]
	}
	if i := badName(name.Text); i >= 0 {
		l.problems.Alertf(name, "character '%c' is not permitted in '%s' name '%s'.", name.Text[i], kind, name.Text)
		return name, from, false
	}
	if len(rest) > 0 && rest[0].Text == "from" {
		if len(rest) < 2 {
			l.problems.Alertf(rest[0], "'from' expects the name of a defaults section.")
			return name, from, false
		}
		from, rest = rest[1], rest[2:]
	}
	if len(rest) > 0 {
		if kind == "defaults" {
			l.problems.Alertf(rest[0], "'defaults' cannot handle unexpected argument '%s'.", rest[0].Text)
		} else {
			l.problems.Alertf(rest[0], "please use the 'bind' keyword for listening addresses.")
		}
	}
	return name, from, true
}

// badName is the index of the first character that no name may have, -1: none.
func badName(name string) int {
	return strings.IndexFunc(name, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-:", r))
	})
}
