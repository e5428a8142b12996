package config

import (
	"cmp"
	"strconv"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// A pendingServer is a use-server line whose server is not looked up yet.
type pendingServer struct {
	name lang.Word
	rule ServerRule
}

// condition reads `if|unless CONDITION` from argument i on.
func (x *line) conditionAt(i int, what string) *rule.Cond {
	if t := x.arg(i); t != "if" && t != "unless" {
		x.alert(x.at(min(i, len(x.args)-1)), "'%s' requires either 'if' or 'unless' followed by a condition.", x.kw.Name)
		return nil
	}
	return rule.ParseCondOf(what, x.args[i:], x.px.acls, x.problems)
}

// parseUseServer reads `use-server NAME if|unless CONDITION`.
func parseUseServer(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'use-server' expects a server name.")
		return
	}
	s := pendingServer{name: x.args[0]}
	if s.rule.Cond = x.conditionAt(1, "error detected while parsing switching rule"); s.rule.Cond == nil {
		return
	}
	if strings.Contains(x.arg(0), "%[") {
		f, err := rule.ParseFormat(x.arg(0), rule.HTTPRequest)
		if err != nil {
			x.alert(x.args[0], "use-server rule failed to parse log-format '%s' : %s.", x.arg(0), err)
			return
		}
		s.rule.Format = f
	}
	x.px.useServer = append(x.px.useServer, s)
	x.px.lastRule = cmp.Or(x.px.lastRule, "use-server")
}

// parsePersist reads `force-persist` and `ignore-persist`.
func parsePersist(force bool) func(*line) {
	return func(x *line) {
		if c := x.conditionAt(0, "error detected while parsing a '"+x.kw.Name+"' rule"); c != nil {
			x.px.PersistRules = append(x.px.PersistRules, PersistRule{c, force})
		}
	}
}

// resolveUseServer looks up the servers that use-server lines name.
func (l *loader) resolveUseServer(d *draft) {
	for _, p := range d.useServer {
		if p.rule.Server = -1; p.rule.Format == nil {
			for i, s := range d.Servers {
				if s.Name == p.name.Text {
					p.rule.Server = i
				}
			}
			if p.rule.Server < 0 {
				l.about(lang.Alert, p.name, "%s '%s' : unable to find server '%s' referenced in a 'use-server' rule.", d.noun(), d.Name, p.name.Text)
				l.hint(p.name, d.serverNames)
				continue
			}
		}
		d.UseServer = append(d.UseServer, p.rule)
	}
}

func (d *draft) serverNames() []string {
	names := make([]string, 0, len(d.Servers))
	for _, s := range d.Servers {
		names = append(names, s.Name)
	}
	return names
}

// maxTemplate bounds the servers of one server-template line: more is a
// mistake in a number, and would take the memory of the machine.
const maxTemplate = 1 << 16

// parseServerTemplate reads `server-template PREFIX COUNT|FROM-TO ADDRESS
// OPTIONS`: so many servers, named PREFIX and their number.
func parseServerTemplate(x *line) {
	o := &options{line: x, shape: lang.Placed}
	if x.arg(2) == "" {
		o.bad(x.name, "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.")
		return
	}
	prefix := x.args[0]
	if i := badName(prefix.Text); i >= 0 {
		o.bad(prefix, "character '%c' is not permitted in server-template prefix '%s'.", prefix.Text[i], prefix.Text)
		return
	}
	from, to, ok := templateRange(x.arg(1))
	if !ok {
		o.bad(x.args[1], "Wrong server-template number or range arg '%s'.", x.arg(1))
		return
	}
	before := len(x.problems.List)
	for n := from; n <= to; n++ {
		o := &options{line: x, shape: lang.Placed, nth: n - from}
		name := prefix
		name.Text += strconv.Itoa(n)
		x.addServer(o, name, x.args[2], x.args[3:])
		if len(x.problems.List) > before {
			return // the others' would be the same
		}
	}
}

func templateRange(text string) (from, to int, ok bool) {
	low, high, isRange := strings.Cut(text, "-")
	from, err := strconv.Atoi(low)
	if !isRange {
		return 1, from, err == nil && from > 0 && from <= maxTemplate
	}
	to, err2 := strconv.Atoi(high)
	return from, to, err == nil && err2 == nil && from >= 0 && to >= from && to-from < maxTemplate
}

// serverRuleKeywords are the lines that choose a server or change persistence
// by a condition.
var serverRuleKeywords = []Keyword{
	{Name: "force-persist", In: InBackend, Usage: "{if|unless} <condition>", Text: "For such requests a cookie is obeyed even if its server is down or in maintenance, so that it can be tried before it serves others; nothing is redispatched.", Example: "force-persist if { src 127.0.0.0/8 }", parse: parsePersist(true)},
	{Name: "ignore-persist", In: InBackend, Usage: "{if|unless} <condition>", Text: "For such requests cookies are neither obeyed nor inserted, nor those of the application touched.", Example: "ignore-persist if { path_beg /static/ }", parse: parsePersist(false)},
	{Name: "server-template", In: InBackend, Usage: "<prefix> <count>|<from>-<to> <address>:<port> [options]", Text: "Several servers of one address, named by the prefix and a number; an id counts for the first.", Differs: "resolvers are planned: a name is looked up once, at start.", Example: "server-template web 1-3 127.0.0.1:8080 check", Strict: true, parse: parseServerTemplate},
	{Name: "use-server", In: InBackend, Usage: "<server> {if|unless} <condition>", Text: "The server for requests of which the condition is true, before cookies and balance; the first such line whose server is up wins. The name may be a log-format.", Example: "server s9 127.0.0.1:8080\nuse-server s9 if { path_beg /admin }", parse: parseUseServer},
}
