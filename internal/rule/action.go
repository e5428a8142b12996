package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bascule/internal/lang"
)

// An Action is one compiled http-request, http-response … line.
type Action struct {
	name  string
	cond  *Cond
	op    op
	final bool
	words []lang.Word // the line behind http-request and its kin
}

// An op does what an action says; true ends the list.
type op interface {
	run(x *Ctx, out *Outcome) bool
}

// Name is the action's keyword, such as "set-header".
func (a *Action) Name() string { return a.name }

// Final says that no later action of the list can ever run.
func (a *Action) Final() bool { return a.final && a.cond == nil }

// A ParseEnv is what actions are compiled with. All fields may be zero.
type ParseEnv struct {
	// Proxy names the section in problems: "frontend 'public'".
	Proxy string
	// Front and Back say what kind of proxy the line stands in; both false: not known.
	Front, Back bool
	// Library holds what the expressions of the configuration share; nil:
	// files are read by ReadFile.
	Library *Library
	// ReadFile reads the files of `errorfile`, `file` and `lf-file`.
	ReadFile func(path string) ([]byte, error)
	// Services are the names that use-service takes; nil: prometheus-exporter.
	Services []string
	// AddCapture makes a capture slot of so many bytes and gives its number;
	// nil: `http-request capture … len` is not supported.
	AddCapture func(length int) int
	// Capture notes that a rule of this set fills a slot, which must be declared
	// in the same frontend; nil: the frontend is not known.
	Capture func(slot int, reply bool, set Set)
}

func (e *ParseEnv) library() *Library {
	if e.Library == nil {
		return &Library{ReadFile: e.ReadFile}
	}
	return e.Library
}

// An actionSpec is one action of the table.
type actionSpec struct {
	name    string // with a trailing * the keyword has parentheses: set-var*
	sets    []Set
	usage   string
	text    string
	example string // behind the name
	// forReply is the example of the sets of the reply where it must differ.
	forReply string
	final    bool
	parse    func(c *compiler) (op, error) // nil: planned
}

// A compiler holds one line while its action is compiled.
type compiler struct {
	set   Set
	name  string // as written
	words []lang.Word
	used  int // words behind the name that the action has taken
	acls  *ACLs
	env   *ParseEnv
	at    place
	p     *lang.Problems
	bad   lang.Word // what the error is about; zero: the name
}

// ParseAction compiles what follows http-request and its kin: the action and
// its condition. It gives nil after adding a problem to p.
func ParseAction(set Set, words []lang.Word, acls *ACLs, env *ParseEnv, p *lang.Problems) *Action {
	if env == nil {
		env = &ParseEnv{}
	}
	if len(words) == 0 {
		p.Alertf(lang.Word{}, "'%s' expects %s, but got '' (missing argument).", set, quotedList(actionNames(set)))
		return nil
	}
	spec := findAction(set, words[0].Text)
	if spec == nil {
		unknownAction(set, words[0], p)
		return nil
	}
	c := &compiler{set: set, name: words[0].Text, words: words[1:], acls: acls, env: env, p: p,
		at: place{set: set, front: env.Front, back: env.Back, lib: env.library()}}
	if spec.parse == nil {
		p.Alertf(words[0], "action '%s' is known but not supported yet in '%s' rules.", c.name, set)
		return nil
	}
	op, err := spec.parse(c)
	if err != nil {
		c.fail(words[0], err)
		return nil
	}
	a := &Action{name: strings.TrimSuffix(spec.name, "*"), op: op, final: spec.final, words: words}
	return c.condition(a)
}

// fail reports an error of the action's own arguments in HAProxy's words.
func (c *compiler) fail(name lang.Word, err error) {
	if c.bad == (lang.Word{}) {
		c.bad = name
	}
	in := ""
	if c.env.Proxy != "" {
		in = " in " + c.env.Proxy
	}
	c.p.Alertf(c.bad, "error detected%s while parsing '%s %s' rule : %v.", in, c.set, c.name, err)
	hint(c.p, err)
}

// condition reads what is left of the line.
func (c *compiler) condition(a *Action) *Action {
	rest := c.rest()
	if len(rest) == 0 {
		return a
	}
	if !startsCond(rest[0].Text) {
		c.p.Alertf(rest[0], "'%s %s' expects either 'if' or 'unless' followed by a condition but found '%s'.",
			c.set, c.name, rest[0].Text)
		return nil
	}
	what := fmt.Sprintf("error detected while parsing an '%s %s' condition", c.set, c.name)
	if c.name == "redirect" {
		what = fmt.Sprintf("error detected%s while parsing '%s redirect' rule : error in condition: ", c.inProxy(), c.set)
	}
	a.cond = ParseCondOf(what, rest, c.acls, c.p)
	if a.cond == nil {
		return nil
	}
	a.cond.check(c.at, c.p)
	return a
}

func (c *compiler) inProxy() string {
	if c.env.Proxy == "" {
		return ""
	}
	return " in " + c.env.Proxy
}

func startsCond(text string) bool { return text == "if" || text == "unless" }

// rest is the words that are not taken yet.
func (c *compiler) rest() []lang.Word { return c.words[c.used:] }

// more says whether the action's arguments go on.
func (c *compiler) more() bool {
	return c.used < len(c.words) && !startsCond(c.words[c.used].Text)
}

// take gives the next word; "" at the end of the line.
func (c *compiler) take() lang.Word {
	if c.used == len(c.words) {
		return lang.Word{}
	}
	c.used++
	return c.words[c.used-1]
}

// takeN gives n words, or ok false when the line has fewer or an empty one.
func (c *compiler) takeN(n int) (words []lang.Word, ok bool) {
	if len(c.words)-c.used < n {
		return nil, false
	}
	words = c.words[c.used : c.used+n]
	for _, w := range words {
		if w.Text == "" {
			return nil, false
		}
	}
	c.used += n
	return words, true
}

func (c *compiler) format(w lang.Word) (*Format, error) {
	f, err := parseFormat(w.Text, c.at)
	if err != nil {
		c.bad = w
	}
	return f, err
}

// expr reads an expression from the next words.
func (c *compiler) expr() (*Expr, error) {
	e, used, err := parseExpr(c.rest(), c.at.lib, c.at.fetchNoun())
	if err != nil {
		c.bad = at(c.rest())
		return nil, err
	}
	c.used += used
	if !c.at.allows(e.fetch.need) {
		c.bad = c.words[c.used-used]
		return nil, fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here",
			e.fetch.name, needNames[e.fetch.need])
	}
	return e, nil
}

func findAction(set Set, text string) *actionSpec {
	name, _, _ := strings.Cut(text, "(")
	for i := range actionTable {
		s := &actionTable[i]
		base, open := strings.CutSuffix(s.name, "*")
		if slices.Contains(s.sets, set) && (s.name == text || open && base == name) {
			return s
		}
	}
	return nil
}

func actionNames(set Set) []string {
	var names []string
	for _, s := range actionTable {
		if slices.Contains(s.sets, set) {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	return names
}

func unknownAction(set Set, w lang.Word, p *lang.Problems) {
	names := actionNames(set)
	near := lang.Nearest(w.Text, names)
	p.Alertf(w, "'%s' expects %s, but got '%s'.%s", set, quotedList(names), w.Text, capitalized(near))
	q := &p.List[len(p.List)-1]
	q.Near, q.Allowed = strings.TrimSuffix(near, "*"), names
}

func capitalized(near string) string {
	if near == "" {
		return ""
	}
	return " Did you mean '" + strings.TrimSuffix(near, "*") + "' maybe ?"
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		if base, open := strings.CutSuffix(n, "*"); open {
			n = base + "(*)"
		}
		quoted[i] = "'" + n + "'"
	}
	return strings.Join(quoted, ", ")
}

// A nearError carries the legal word that is closest to an unknown one.
type nearError struct {
	text string
	near string
}

func (e *nearError) Error() string { return e.text }

// hint puts the nearest word of err below the problem that was added last.
func hint(p *lang.Problems, err error) {
	var e *nearError
	if errors.As(err, &e) && e.near != "" {
		p.List[len(p.List)-1].Near = e.near
	}
}
