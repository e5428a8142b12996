package config

import (
	"fmt"
	"strings"

	"bascule/internal/lang"
)

// keyword gives a line to the keyword it begins with.
func (l *loader) keyword(words []lang.Word) {
	if l.section.skip {
		l.mistypedSection(words[0], "in '"+l.section.kind+"' section")
		return
	}
	if l.section.kind == "" {
		if !l.mistypedSection(words[0], "out of section") {
			l.problems.Alertf(words[0], "unknown keyword '%s' out of section.", words[0].Text)
		}
		return
	}
	if l.section.line != nil {
		l.section.line(words)
		return
	}
	x := &line{loader: l, px: l.section.px}
	l.library.At, l.library.Proxy = words[0], l.section.name
	if t := words[0].Text; (t == "no" || t == "default") && len(words) > 1 {
		x.no, x.dflt = t == "no", t == "default"
		words = words[1:]
	}
	in := InGlobal
	if x.px != nil {
		in = inProxy
	}
	kw, n, _ := l.table.find(words, in)
	if kw == nil {
		if !l.mistypedSection(words[0], "in '"+l.section.kind+"' section") {
			x.unknown(words, in)
		}
		return
	}
	x.kw, x.name, x.args = kw, span(words[:n]), words[n:]
	x.word = kw.Name
	x.said()
	if (x.no || x.dflt) && !kw.No {
		x.noNegation(words)
		return
	}
	if !x.mayStand() {
		return
	}
	switch kw.Status {
	case Planned:
		x.alert(x.name, "keyword '%s' is known but not supported yet: %s.", kw.Name, kw.Why)
	case Removed:
		what, name := "", kw.Name
		if option, ok := strings.CutPrefix(name, "option "); ok {
			what, name = "option ", option
		}
		x.alert(x.name, "%s'%s' is not supported anymore since HAProxy %s.", what, name, kw.Why)
	case Without:
		l.cfg.Ignored = append(l.cfg.Ignored, Ignored{Line: place(x.name.Pos), Keyword: kw.Name, Why: kw.Why})
	default:
		kw.parse(x)
	}
}

// mistypedSection takes an unknown word that begins a line without indentation
// and is nearly the header of a section for one: the lines below it belong to
// neither section, and are not read.
func (l *loader) mistypedSection(w lang.Word, where string) bool {
	near := ""
	if w.Pos.Col == 1 {
		near = lang.Nearest(w.Text, proxyHeaders)
	}
	if near == "" {
		return false
	}
	l.problems.Alertf(w, "unknown keyword '%s' %s; did you mean '%s' maybe ?", w.Text, where, near)
	l.problems.List[len(l.problems.List)-1].Near = near
	l.section = sectionState{kind: near, name: near, skip: true}
	return true
}

// proxyHeaders begin the sections that a word may be a slip of.
var proxyHeaders = []string{"global", "defaults", "frontend", "backend", "listen"}

// said notes where a keyword stands, for those who advise on it.
func (x *line) said() {
	at := x.cfg.said
	if x.px != nil {
		at = x.px.said
	}
	at[x.kw.Name] = x.name.Pos
}

// noNegation refuses `no` and `default` before what has no other side.
func (x *line) noNegation(words []lang.Word) {
	if words[0].Text == "option" && len(words) > 1 {
		x.alert(x.name, "negation/default is not supported for option '%s'.", words[1].Text)
		return
	}
	x.alert(x.name, "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping.")
}

// mayStand says whether the keyword may stand in this proxy; HAProxy warns
// about most keywords of the other side and goes on without them.
func (x *line) mayStand() bool {
	if x.px == nil {
		return true
	}
	if x.px.isDefaults {
		if x.kw.In&InDefaults == 0 {
			x.alert(x.name, "'%s' not allowed in 'defaults' section.", x.kw.Name)
			return false
		}
		return true
	}
	if x.kw.In&x.px.sides() != 0 {
		return true
	}
	side, verb := "backend", "ignored"
	if x.px.Backend {
		side = "frontend"
	}
	if strings.HasPrefix(x.kw.Name, "timeout ") {
		verb = "will be ignored"
	}
	format := "'%s' " + verb + " because %s '%s' has no %s capability."
	if x.kw.Strict {
		x.alert(x.name, "'%s' not allowed because %s '%s' has no %s capability.", x.kw.Name, x.px.noun(), x.px.Name, side)
	} else {
		x.warn(x.name, format, x.kw.Name, x.px.noun(), x.px.Name, side)
	}
	return false
}

// familyErrors word what is wrong behind the first word of a family.
var familyErrors = map[string]string{
	"option":        "unknown option '{got}'.",
	"timeout":       "'timeout' supports {list} (got '{got}')",
	"stats":         "unknown stats parameter '{got}', expects {list}.",
	"http-check":    "'http-check' only supports {list}. but got '{got}'",
	"tcp-check":     "'tcp-check' only supports {list}. but got '{got}'",
	"capture":       "'capture' expects 'cookie' or 'request header' or 'response header'.",
	"tcp-request":   "'tcp-request' expects 'inspect-delay', 'connection', or 'content' in proxy '{proxy}' (got '{got}')",
	"tcp-response":  "'tcp-response' expects 'inspect-delay' or 'content' in proxy '{proxy}' (got '{got}')",
	"http-request":  "'http-request' expects {list}, but got '{got}'.",
	"http-response": "'http-response' expects {list}, but got '{got}'.",
}

// unknown words the problem of a line that no keyword begins.
func (x *line) unknown(words []lang.Word, in Section) {
	first := words[0].Text
	if x.table.families[first] && len(x.table.names(in, first)) > 0 {
		x.unknownMember(words, in)
		return
	}
	names := x.table.names(in, "")
	q := lang.Problem{Severity: lang.Alert, Pos: words[0].Pos, Len: words[0].Len,
		Text: fmt.Sprintf("unknown keyword '%s' in '%s' section", first, x.section.kind)}
	word := first
	if x.elsewhere(first) == nil {
		if q.Near = lang.Nearest(first, names); q.Near != "" {
			q.Text += fmt.Sprintf("; did you mean '%s' maybe ?", q.Near)
			word = q.Near
		}
	}
	q.Where = x.elsewhere(word)
	x.problems.List = append(x.problems.List, q)
}

func (x *line) unknownMember(words []lang.Word, in Section) {
	first, got := words[0], ""
	w := first
	if len(words) > 1 {
		got, w = words[1].Text, words[1]
	}
	if first.Text == "option" && got == "" {
		x.alert(first, "'option' expects an option name.")
		return
	}
	names := x.table.names(in, first.Text)
	format, proxy := familyErrors[first.Text], ""
	if first.Text == "stats" && in == InGlobal {
		format = "'stats' only supports {list} (got '{got}')"
	}
	if format == "" {
		format = "'" + first.Text + "' expects {list} (got '{got}')"
	}
	if x.px != nil {
		proxy = x.px.Name
	}
	q := lang.Problem{Severity: lang.Alert, Pos: w.Pos, Len: w.Len, Near: lang.Nearest(got, names), Allowed: names}
	q.Text = strings.NewReplacer("{list}", quotedList(names), "{got}", got, "{proxy}", proxy).Replace(format)
	x.problems.List = append(x.problems.List, q)
}

// elsewhere names the sections that know the keyword, for a line that was put
// into the wrong one.
func (x *line) elsewhere(name string) []string {
	var in Section
	for _, kw := range x.table.all {
		if kw.Status != Removed && (kw.Name == name || strings.HasPrefix(kw.Name, name+" ")) {
			in |= kw.In
		}
	}
	return in.names()
}

// quotedList is 'a', 'b' and 'c'.
func quotedList(names []string) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString("'" + name + "'")
	}
	return b.String()
}

// names are the words that describe the places.
func (s Section) names() []string {
	var names []string
	for i, name := range []string{"global", "defaults", "frontend", "backend", "bind lines", "server lines", "other sections"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
