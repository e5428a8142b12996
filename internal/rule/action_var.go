package rule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A setVar is set-var and set-var-fmt.
type setVar struct {
	name   string
	when   []string
	expr   *Expr
	format *Format
}

func (e *setVar) run(x *Ctx, _ *Outcome) bool {
	s := &x.smp
	if e.format != nil {
		*s = Sample{Kind: KindStr, Bytes: e.format.eval(x)}
	} else if !e.expr.first(x, s) {
		return false // HAProxy leaves the variable as it is
	}
	for _, c := range e.when {
		if !holds(c, e.name, x, s) {
			return false
		}
	}
	x.vars().set(e.name, s)
	return false
}

var varConditions = []string{"ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt"}

// holds says whether a condition behind the name lets the value in.
func holds(condition, name string, x *Ctx, s *Sample) bool {
	old := x.Vars.find(name)
	empty := s.Kind >= KindStr && len(s.Bytes) == 0
	switch condition {
	case "ifexists", "ifset":
		return old != nil
	case "ifnotexists", "ifnotset":
		return old == nil
	case "ifempty":
		return empty
	case "ifnotempty":
		return !empty
	}
	if old == nil || old.kind != KindInt || s.Kind != KindInt {
		return false
	}
	if condition == "ifgt" {
		return old.num > s.Int
	}
	return old.num < s.Int
}

const varUsage = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or 'unset-var(<var-name>)'"

// varName reads "(name,condition…)" behind the action's keyword.
func (c *compiler) varName() (name string, when []string, err error) {
	keyword, rest := cutName(c.name)
	if rest == "" {
		return "", nil, fmt.Errorf("invalid or incomplete action '%s'. %s", keyword, varUsage)
	}
	if !strings.HasSuffix(rest, ")") {
		return "", nil, fmt.Errorf("incomplete argument after action '%s'. %s", c.name, varUsage)
	}
	list := strings.Split(rest[1:len(rest)-1], ",")
	if err := checkVarName(list[0]); err != nil {
		return "", nil, err
	}
	for _, condition := range list[1:] {
		if !slices.Contains(varConditions, condition) {
			return "", nil, fmt.Errorf("unknown condition \"%s\"", condition)
		}
	}
	return list[0], list[1:], nil
}

func parseSetVar(c *compiler) (op, error) {
	name, when, err := c.varName()
	if err != nil {
		return nil, err
	}
	if !c.more() {
		return nil, errors.New("missing fetch method")
	}
	e, err := c.expr()
	return &setVar{name: name, when: when, expr: e}, err
}

func parseSetVarFmt(c *compiler) (op, error) {
	name, when, err := c.varName()
	if err != nil {
		return nil, err
	}
	f, err := c.oneFormat()
	return &setVar{name: name, when: when, format: f}, err
}

type unsetVar struct{ name string }

func (e unsetVar) run(x *Ctx, _ *Outcome) bool {
	x.Vars.unset(e.name)
	return false
}

func parseUnsetVar(c *compiler) (op, error) {
	name, _, err := c.varName()
	return unsetVar{name}, err
}
