package rule

import (
	"strings"

	"bascule/internal/lang"
)

// A Term is one ACL of a condition, for those who show what a condition says.
type Term struct {
	Name string   // "" when it is anonymous
	Text []string // its criteria as written; one of them is enough
	Not  bool
	acl  *acl
}

// Match says whether the term is true of x.
func (t *Term) Match(x *Ctx) bool { return t.acl.match(x) != t.Not }

// String is the term as a condition names it: is_stream, !{ path_beg /hls/ }.
func (t *Term) String() string {
	name := t.Name
	if name == "" {
		name = "{ " + strings.Join(t.Text, " or ") + " }"
	}
	if t.Not {
		return "!" + name
	}
	return name
}

// Groups are the alternatives of the condition; of one, all terms are needed.
// A nil Cond has none.
func (c *Cond) Groups() [][]Term {
	if c == nil {
		return nil
	}
	groups := make([][]Term, len(c.groups))
	for i, g := range c.groups {
		for _, t := range g {
			told := Term{Name: t.acl.name, Not: t.not, acl: t.acl}
			for j := range t.acl.list {
				told.Text = append(told.Text, t.acl.list[j].text)
			}
			groups[i] = append(groups[i], told)
		}
	}
	return groups
}

// Unless says that the condition is turned round.
func (c *Cond) Unless() bool { return c != nil && c.unless }

// Cond is the action's condition; nil: it always runs.
func (a *Action) Cond() *Cond { return a.cond }

// Text is the action's line as written, without its rule set's keyword.
func (a *Action) Text() string { return joined(a.words) }

// Pos is where the action stands.
func (a *Action) Pos() lang.Pos {
	if len(a.words) == 0 {
		return lang.Pos{}
	}
	return a.words[0].Pos
}

// Watched gives actions that do what the given ones do and tell about each:
// before sees the action and whether its condition holds, after sees it when it
// has run. What runs requests unwatched pays nothing for it.
func Watched(actions []*Action, before func(a *Action, matched bool, x *Ctx), after func(a *Action, x *Ctx, out *Outcome)) []*Action {
	list := make([]*Action, len(actions))
	for i, a := range actions {
		list[i] = &Action{name: a.name, words: a.words, op: &watched{a, before, after}}
	}
	return list
}

type watched struct {
	of     *Action
	before func(*Action, bool, *Ctx)
	after  func(*Action, *Ctx, *Outcome)
}

func (w *watched) run(x *Ctx, out *Outcome) bool {
	matched := w.of.cond.Match(x)
	w.before(w.of, matched, x)
	if !matched {
		return false
	}
	x.Scratch = x.Scratch[:0]
	end := w.of.op.run(x, out)
	w.after(w.of, x, out)
	return end
}

// Probe is an action that only looks.
func Probe(look func(x *Ctx)) *Action { return &Action{name: "probe", op: probe(look)} }

type probe func(x *Ctx)

func (p probe) run(x *Ctx, _ *Outcome) bool {
	p(x)
	return false
}

func joined(words []lang.Word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	return strings.Join(texts, " ")
}
