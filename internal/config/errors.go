package config

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// An errorSection is an http-errors section: answers by status.
type errorSection struct {
	name    lang.Word
	answers map[int]*rule.Answer
}

// An errorSetting is one errorfile, errorloc, http-error or errorfiles line of
// a proxy; the last one for a status counts.
type errorSetting struct {
	status  int
	answer  *rule.Answer
	section lang.Word // of errorfiles
	codes   []int     // of errorfiles; none: all that the section has
}

func (l *loader) enterErrors(words []lang.Word) {
	l.section = sectionState{kind: "http-errors", name: "http-errors", skip: true}
	if len(words) < 2 || words[1].Text == "" {
		l.problems.Alertf(words[0], "missing name for http-errors section.")
		return
	}
	name := words[1]
	if i := badName(name.Text); i >= 0 {
		l.problems.Alertf(name, "character '%c' is not permitted in 'http-errors' name '%s'.", name.Text[i], name.Text)
		return
	}
	if first := l.errorSections[name.Text]; first != nil {
		l.problems.Alertf(name, "http-errors section '%s' already exists (declared at %s).", name.Text, place(first.name.Pos))
		return
	}
	s := &errorSection{name, map[int]*rule.Answer{}}
	l.errorSections[name.Text] = s
	l.section = sectionState{kind: "http-errors", name: name.Text, line: func(words []lang.Word) {
		if words[0].Text != "errorfile" {
			l.unknownIn(words[0], "http-errors", "errorfile")
			return
		}
		x := &line{loader: l, kw: &Keyword{Name: "errorfile"}, name: words[0], args: words[1:]}
		if status, a := x.errorFile(); a != nil {
			s.answers[status] = a
		}
	}}
}

// unknownIn says that a section does not know the word.
func (l *loader) unknownIn(w lang.Word, section string, known ...string) {
	l.problems.Alertf(w, "unknown keyword '%s' in '%s' section", w.Text, section)
	q := &l.problems.List[len(l.problems.List)-1]
	q.Near, q.Allowed = lang.Nearest(w.Text, known), known
}

// parseErrorFiles reads `errorfiles NAME [STATUS…]`.
func parseErrorFiles(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "errorfiles : expects <name> as argument.")
		return
	}
	s := errorSetting{section: x.args[0]}
	for _, w := range x.args[1:] {
		code, err := atoi(w.Text)
		if err != nil || !slices.Contains(errorStatuses, code) {
			x.alert(w, "errorfiles : status code '%s' not handled.", w.Text)
			return
		}
		s.codes = append(s.codes, code)
	}
	x.px.errors = append(x.px.errors, s)
}

// parseHTTPError reads `http-error status STATUS …`.
func parseHTTPError(x *line) {
	if status, a := rule.ParseErrorReply(x.args, x.ruleEnv(), x.problems); a != nil {
		x.setError(status, a)
	}
}

func (x *line) setError(status int, a *rule.Answer) {
	x.px.errors = append(x.px.errors, errorSetting{status: status, answer: a})
}

// settleErrors makes the proxy's answers of its lines, in their order.
func (l *loader) settleErrors(d *draft) {
	for _, s := range d.errors {
		answers := map[int]*rule.Answer{s.status: s.answer}
		if s.answer == nil {
			section := l.errorSections[s.section.Text]
			if section == nil {
				l.about(lang.Alert, s.section, "proxy '%s': unknown http-errors section '%s' (at %s).", d.Name, s.section.Text, place(s.section.Pos))
				continue
			}
			answers = maps.Clone(section.answers)
			for _, code := range s.codes {
				if answers[code] == nil {
					l.about(lang.Warning, s.section, "proxy '%s' : status '%d' not declared in http-errors section '%s' (at %s).",
						d.Name, code, s.section.Text, place(s.section.Pos))
				}
			}
			if len(s.codes) > 0 {
				maps.DeleteFunc(answers, func(code int, _ *rule.Answer) bool { return !slices.Contains(s.codes, code) })
			}
		}
		if d.Errors == nil {
			d.Errors = map[int]*rule.Answer{}
		}
		maps.Copy(d.Errors, answers)
	}
}

// resolveReplies gives the rules the answers that http-errors sections hold.
func (l *loader) resolveReplies() {
	for i := range l.library.Replies {
		r := &l.library.Replies[i]
		section := l.errorSections[r.Section]
		if section == nil {
			l.about(lang.Alert, r.At, "Proxy '%s': unknown http-errors section '%s' referenced by an http reply .", r.Proxy, r.Section)
			continue
		}
		a := section.answers[r.Status]
		if a == nil {
			l.about(lang.Warning, r.At, "Proxy '%s': status '%d' referenced by an http reply not declared in http-errors section '%s'.", r.Proxy, r.Status, r.Section)
		}
		r.Set(a)
	}
}

func (l *loader) enterUsers(words []lang.Word) {
	l.section = sectionState{kind: "userlist", name: "userlist", skip: true}
	if len(words) < 2 || words[1].Text == "" {
		l.problems.Alertf(words[0], "'userlist' expects <name> as arguments.")
		return
	}
	name := words[1]
	if i := badName(name.Text); i >= 0 {
		l.problems.Alertf(name, "character '%c' is not permitted in 'userlist' name '%s'.", name.Text[i], name.Text)
		return
	}
	if l.userlists[name.Text] != nil {
		l.problems.Warnf(name, "ignoring duplicated userlist '%s'.", name.Text)
		return
	}
	u := &userDraft{list: &rule.Userlist{Name: name.Text}, groups: map[string]bool{}}
	l.userlists[name.Text] = u
	l.section = sectionState{kind: "userlist", name: name.Text, line: func(words []lang.Word) { l.userLine(u, words) }}
}

// A userDraft is a userlist while its lines are read.
type userDraft struct {
	list   *rule.Userlist
	groups map[string]bool
	joins  []join // looked up when all is read
}

type join struct {
	user, group string
	at          lang.Word
}

func (l *loader) userLine(u *userDraft, words []lang.Word) {
	switch words[0].Text {
	case "group":
		l.groupLine(u, words)
		return
	case "user":
	default:
		l.unknownIn(words[0], "users", "user", "group")
		return
	}
	if len(words) < 2 || words[1].Text == "" {
		l.problems.Alertf(words[0], "'user' expects <name> as arguments.")
		return
	}
	password := ""
	for i := 2; i < len(words); i += 2 {
		value := ""
		if i+1 < len(words) {
			value = words[i+1].Text
		}
		switch words[i].Text {
		case "insecure-password":
			password = value
		case "password":
			l.problems.Alertf(words[i], "keyword 'password' is known but not supported yet: encrypted passwords are not read, use insecure-password.")
			return
		case "groups":
			for g := range names(value) {
				u.joins = append(u.joins, join{user: words[1].Text, group: g, at: words[i+1]})
			}
		default:
			l.problems.Alertf(words[i], "unknown keyword '%s' in '%s' section", words[i].Text, "users")
			return
		}
	}
	if !u.list.Add(words[1].Text, password) {
		l.problems.Warnf(words[1], "ignoring duplicated user '%s' in userlist '%s'.", words[1].Text, u.list.Name)
	}
}

func (l *loader) groupLine(u *userDraft, words []lang.Word) {
	if len(words) < 2 || words[1].Text == "" {
		l.problems.Alertf(words[0], "'group' expects <name> as arguments.")
		return
	}
	name := words[1].Text
	if u.groups[name] {
		l.problems.Warnf(words[1], "ignoring duplicated group '%s' in userlist '%s'.", name, u.list.Name)
		return
	}
	u.groups[name] = true
	for i := 2; i+1 < len(words); i += 2 {
		if words[i].Text != "users" {
			l.problems.Alertf(words[i], "unknown keyword '%s' in '%s' section", words[i].Text, "users")
			return
		}
		for who := range names(words[i+1].Text) {
			u.joins = append(u.joins, join{user: who, group: name, at: words[i+1]})
		}
	}
}

// names are those of a list with commas; nothing between two of them is no name.
func names(list string) iter.Seq[string] {
	return strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' })
}

// settleUsers puts the users into their groups.
func (l *loader) settleUsers() {
	for _, name := range slices.Sorted(maps.Keys(l.userlists)) {
		u := l.userlists[name]
		for _, j := range u.joins {
			switch {
			case !u.groups[j.group]:
				l.about(lang.Alert, j.at, "userlist '%s': no such group '%s' specified in user '%s'", name, j.group, j.user)
			case !u.list.Join(j.user, j.group):
				l.about(lang.Alert, j.at, "userlist '%s': no such user '%s' specified in group '%s'", name, j.user, j.group)
			}
		}
	}
}
