package config

import (
	"cmp"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// parseACL reads `acl NAME CRITERION …`.
func parseACL(x *line) {
	name := x.arg(0)
	if i := badName(name); i >= 0 {
		x.alert(x.args[0], "character '%c' is not permitted in acl name '%s'.", name[i], name)
		return
	}
	if x.px.isDefaults && x.px.Name == "" {
		x.alert(x.name, "'acl' not allowed in anonymous 'defaults' section.")
		return
	}
	if len(x.args) < 2 {
		x.alert(x.at(0), "error detected while parsing ACL '%s' : missing fetch method in ACL expression ''.", name)
		return
	}
	x.px.acls.Parse(x.args, x.problems)
}

// parseUseBackend reads `use_backend NAME [if|unless CONDITION]`.
func parseUseBackend(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'use_backend' expects a backend name.")
		return
	}
	s := pendingSwitch{name: x.args[0]}
	if strings.Contains(x.arg(0), "%") {
		f, err := rule.ParseName(x.arg(0), x.library)
		if err != nil {
			x.alert(x.args[0], "failed to parse use_backend rule '%s' : %s.", x.arg(0), err)
			return
		}
		s.format = f
	}
	if len(x.args) > 1 {
		if t := x.arg(1); t != "if" && t != "unless" {
			x.alert(x.args[1], "unexpected keyword '%s' after switching rule, only 'if' and 'unless' are allowed.", t)
			return
		}
		s.cond = rule.ParseCondOf("error detected while parsing switching rule", x.args[1:], x.px.acls, x.problems)
	}
	x.px.switches = append(x.px.switches, s)
	x.px.lastRule = cmp.Or(x.px.lastRule, "use_backend")
}

func parseDefaultBackend(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'default_backend' expects a backend name.")
		return
	}
	if x.atMost(1) {
		x.px.fallback = x.args[0]
	}
}

// actionList makes the parse function of a rule set.
func actionList(set rule.Set, list func(*Proxy) *[]*rule.Action) func(*line) {
	return func(x *line) {
		if x.px.isDefaults && x.px.Name == "" {
			x.alert(x.name, "'%s' not allowed in anonymous 'defaults' section.", x.kw.Name)
			return
		}
		if len(x.args) == 0 {
			x.alert(x.name, "'%s' expects an action, but got '' (missing argument).", x.kw.Name)
			return
		}
		x.lateRule()
		x.px.hasRules = x.px.isDefaults
		to := list(x.px.Proxy)
		if n := len(*to); n > 0 && (*to)[n-1].Final() {
			x.warn(x.name, "previous '%s' action is final and has no condition attached, further entries are NOOP.", x.kw.Name)
		}
		if a := rule.ParseAction(set, x.args, x.px.acls, x.ruleEnv(), x.problems); a != nil {
			*to = append(*to, a)
		}
	}
}

// ruleEnv is what actions of this proxy are compiled with.
func (x *line) ruleEnv() *rule.ParseEnv {
	env := &rule.ParseEnv{
		Proxy: x.px.noun() + " '" + x.px.Name + "'", Front: x.px.Frontend, Back: x.px.Backend,
		ReadFile: x.readNamed, Library: x.library,
	}
	if x.px.isDefaults {
		env.Proxy = "defaults '" + x.px.Name + "'"
	}
	if x.px.Frontend {
		env.AddCapture = func(length int) int { return x.px.addCapture("", length, false) }
		env.Capture = func(slot int, reply bool, set rule.Set) {
			x.px.slots = append(x.px.slots, slotUse{slot, reply, set, x.name})
		}
	}
	return env
}

// A slotUse is a rule that fills a capture slot by its number.
type slotUse struct {
	slot  int
	reply bool
	set   rule.Set
	at    lang.Word
}

// settleSlots looks for the slots that rules fill.
func (l *loader) settleSlots(d *draft) {
	for _, u := range d.slots {
		n := 0
		for _, c := range d.Captures {
			if c.Response == u.reply {
				n++
			}
		}
		if u.slot >= n {
			l.about(lang.Alert, u.at, "parsing [%s] : unable to find capture id '%d' referenced by %s capture rule.", place(u.at.Pos), u.slot, u.set)
		}
	}
}

// addCapture makes a capture slot; its number counts those of the same side.
func (d *draft) addCapture(name string, length int, response bool) int {
	slot := 0
	for _, c := range d.Captures {
		if c.Response == response {
			slot++
		}
	}
	d.Captures = append(d.Captures, Capture{Name: name, Len: length, Response: response})
	return slot
}

// parseRedirect reads `redirect …`: an http-request redirect that is evaluated
// after all http-request rules.
func parseRedirect(x *line) {
	words := append([]lang.Word{x.name}, x.args...)
	if a := rule.ParseAction(rule.HTTPRequest, words, x.px.acls, x.ruleEnv(), x.problems); a != nil {
		x.px.redirects = append(x.px.redirects, a)
	}
	x.px.lastRule = cmp.Or(x.px.lastRule, "redirect")
}

// lateRule warns of a rule that stands below one that is evaluated after it.
func (x *line) lateRule() {
	if x.kw.Name == "http-request" && x.px.lastRule != "" {
		x.warn(x.name, "a 'http-request' rule placed after a '%s' rule will still be processed before.", x.px.lastRule)
	}
}

// ruleKeywords are the lines that carry conditions and actions.
var ruleKeywords = []Keyword{
	{Name: "acl", In: inProxy, Usage: "<name> <criterion> [flags] [operator] [<value>…]", Text: "Names a test; lines with the same name are alternatives.", Example: "acl is_stream path_beg /hls/ /stream/", parse: parseACL},
	{Name: "default_backend", In: inFront, Usage: "<backend>", Text: "The backend for requests that no use_backend takes.", Example: "default_backend web", parse: parseDefaultBackend},
	{Name: "http-after-response", In: inProxy, Usage: "<action> [{if|unless} <condition>]", Text: "An action on every answer, those made here included.", Example: "http-after-response set-header Strict-Transport-Security max-age=31536000",
		parse: actionList(rule.HTTPAfterResponse, func(p *Proxy) *[]*rule.Action { return &p.HTTPAfter })},
	{Name: "http-request", In: inProxy, Usage: "<action> [{if|unless} <condition>]", Text: "An action on every request, in the order of the lines.", Example: "http-request set-header X-Forwarded-Proto http",
		parse: actionList(rule.HTTPRequest, func(p *Proxy) *[]*rule.Action { return &p.HTTPRequest })},
	{Name: "http-response", In: inProxy, Usage: "<action> [{if|unless} <condition>]", Text: "An action on every answer of a server, in the order of the lines.", Example: "http-response del-header Server",
		parse: actionList(rule.HTTPResponse, func(p *Proxy) *[]*rule.Action { return &p.HTTPResponse })},
	{Name: "redirect", In: InFrontend | InBackend, Usage: "location|prefix|scheme <to> [code <code>] [options] [{if|unless} <condition>]", Text: "Answers with a redirection; evaluated after all http-request rules.", Example: "redirect scheme https if { path_beg /login }", parse: parseRedirect},
	{Name: "use_backend", In: InFrontend, Usage: "<backend>|<format> [{if|unless} <condition>]", Text: "The backend for requests of which the condition is true; the first such line wins. A format gives a name for each request; where there is no such backend the default one is taken.", Example: "use_backend web if { path_beg /app/ }", parse: parseUseBackend},
}
