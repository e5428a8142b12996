package config

import (
	"fmt"
	"strconv"
	"strings"

	"bascule/internal/lang"
)

// EvalCondition says whether a condition of `-cc` is true (manual, 2.4). The
// text is cut into words first, as a line of a file is: quotes, escapes and
// variables work. The error says what cannot be read, and where.
func EvalCondition(cond string, env Env) (bool, error) {
	env = env.fill()
	words, err := lang.Split(cond, lang.Pos{Line: 1, Col: 1}, env.Getenv)
	if err != nil || len(words) == 0 {
		return false, err
	}
	return evaluate(joined(words), env, env.Getenv)
}

// maxDepth bounds the nesting of parentheses and negations in a condition; a
// file cannot exhaust the stack.
const maxDepth = 1024

// A predicate is one function of a condition.
type predicate struct {
	args int
	eval func(c *condition, args []string) (bool, error)
}

// predicates are the functions that conditions know (manual, 2.4).
var predicates = map[string]predicate{
	"defined": {1, func(c *condition, a []string) (bool, error) {
		_, ok := c.lookup(a[0])
		return ok, nil
	}},
	"feature":                 {1, func(c *condition, a []string) (bool, error) { return c.env.Features(a[0]), nil }},
	"enabled":                 {1, func(c *condition, a []string) (bool, error) { return c.enabled(a[0]) }},
	"streq":                   {2, func(_ *condition, a []string) (bool, error) { return a[0] == a[1], nil }},
	"strneq":                  {2, func(_ *condition, a []string) (bool, error) { return a[0] != a[1], nil }},
	"strstr":                  {2, func(_ *condition, a []string) (bool, error) { return strings.Contains(a[0], a[1]), nil }},
	"version_atleast":         {1, func(c *condition, a []string) (bool, error) { return c.version(a[0], true) }},
	"version_before":          {1, func(c *condition, a []string) (bool, error) { return c.version(a[0], false) }},
	"fips_mode":               {0, func(_ *condition, _ []string) (bool, error) { return false, nil }},
	"awslc_api_atleast":       {1, never},
	"awslc_api_before":        {1, never},
	"openssl_version_atleast": {1, never},
	"openssl_version_before":  {1, never},
	"ssllib_name_startswith":  {1, never},
}

// never is true of no TLS library that HAProxy knows: Go's is none of them.
func never(*condition, []string) (bool, error) { return false, nil }

// A condition is one expression while it is evaluated.
type condition struct {
	env    Env
	lookup func(string) (string, bool)
	text   string
	i      int
	depth  int
}

func evaluate(text string, env Env, lookup func(string) (string, bool)) (bool, error) {
	c := &condition{env: env, lookup: lookup, text: text}
	c.blanks()
	if c.i == len(text) {
		return false, nil
	}
	value, err := c.or()
	if err != nil {
		return false, err
	}
	if c.i < len(text) {
		return false, c.unexpected()
	}
	return value, nil
}

func (c *condition) blanks() {
	for c.i < len(c.text) && (c.text[c.i] == ' ' || c.text[c.i] == '\t') {
		c.i++
	}
}

func (c *condition) unexpected() error {
	return fmt.Errorf("unparsable conditional expression '%s' at position %d", c.text, c.i+1)
}

// accept consumes s, and blanks behind it.
func (c *condition) accept(s string) bool {
	if !strings.HasPrefix(c.text[c.i:], s) {
		return false
	}
	c.i += len(s)
	c.blanks()
	return true
}

func (c *condition) or() (bool, error) {
	value, err := c.and()
	for err == nil && c.accept("||") {
		var right bool
		right, err = c.and()
		value = value || right
	}
	return value, err
}

func (c *condition) and() (bool, error) {
	value, err := c.term()
	for err == nil && c.accept("&&") {
		var right bool
		right, err = c.term()
		value = value && right
	}
	return value, err
}

func (c *condition) term() (bool, error) {
	if c.depth++; c.depth > maxDepth {
		return false, fmt.Errorf("condition is nested too deeply")
	}
	defer func() { c.depth-- }()
	if c.accept("!") {
		value, err := c.term()
		return !value, err
	}
	if c.accept("(") {
		value, err := c.or()
		if err == nil && !c.accept(")") {
			err = c.unexpected()
		}
		return value, err
	}
	start := c.i
	for c.i < len(c.text) && isWord(c.text[c.i]) {
		c.i++
	}
	name := c.text[start:c.i]
	if n, err := strconv.Atoi(name); err == nil {
		c.blanks()
		return n != 0, nil
	}
	p, ok := predicates[name]
	if !ok || !strings.HasPrefix(c.text[c.i:], "(") {
		c.i = start
		return false, c.unexpected()
	}
	return c.call(name, p)
}

// call reads the arguments of a predicate and asks it.
func (c *condition) call(name string, p predicate) (bool, error) {
	c.i++
	args, err := c.arguments()
	if err != nil {
		return false, err
	}
	if len(args) == 1 && args[0] == "" && p.args == 0 {
		args = nil
	}
	if len(args) < p.args {
		return false, fmt.Errorf("missing arguments (got %d/%d), type 'string' expected in argument %d of predicate '%s' used in conditional expression '%s'",
			len(args), p.args, len(args), name, c.text)
	}
	if len(args) > p.args {
		return false, fmt.Errorf("expected ')' before ',%s)' in argument %d of predicate '%s' used in conditional expression '%s'",
			args[p.args], p.args, name, c.text)
	}
	value, err := p.eval(c, args)
	if err != nil {
		return false, fmt.Errorf("%w in conditional expression '%s'", err, c.text)
	}
	c.blanks()
	return value, nil
}

// arguments reads up to the closing parenthesis. Quotes and backslashes keep
// commas and parentheses inside an argument.
func (c *condition) arguments() ([]string, error) {
	var args []string
	var arg []byte
	quote := byte(0)
	for ; c.i < len(c.text); c.i++ {
		b := c.text[c.i]
		switch {
		case quote != 0 && b == quote:
			quote = 0
		case quote != '\'' && b == '\\' && c.i+1 < len(c.text):
			c.i++
			arg = append(arg, c.text[c.i])
		case quote != 0:
			arg = append(arg, b)
		case b == '\'' || b == '"':
			quote = b
		case b == ',':
			args, arg = append(args, string(arg)), arg[:0]
		case b == ')':
			c.i++
			return append(args, string(arg)), nil
		default:
			arg = append(arg, b)
		}
	}
	return nil, fmt.Errorf("expected ')' in conditional expression '%s'", c.text)
}

func isWord(b byte) bool {
	return b == '_' || b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// switches are the names that enabled() knows.
var switches = map[string]bool{
	"POLL": true, "EPOLL": true, "KQUEUE": true, "EVPORTS": true, "SPLICE": true, "GETADDRINFO": true, "REUSEPORT": true,
	"FAST-FORWARD": true, "SERVER-SSL-VERIFY-NONE": true, "LIMITED-QUIC": true, "NO-QUIC": true,
}

func (c *condition) enabled(name string) (bool, error) {
	if !switches[name] {
		return false, fmt.Errorf("unsupported option '%s'", name)
	}
	return c.env.Enabled(name), nil
}

// version compares what we answer as with v: at least, or else before it.
func (c *condition) version(v string, atLeast bool) (bool, error) {
	ours, _ := versionNumber(c.env.Version)
	theirs, err := versionNumber(v)
	if err != nil {
		return false, err
	}
	return (ours >= theirs) == atLeast, nil
}

// versionNumber orders versions such as 3.2.1, 2.4-dev19 and 2.6.12-1: releases
// come after their development versions.
func versionNumber(v string) (int64, error) {
	bad := fmt.Errorf("unexpected version '%s'", v)
	var part [5]int64 // major, minor, patch or release candidate, dev, commits
	part[3] = 0xffff
	rest := v
	for i := 0; i < 3; i++ {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		value, err := strconv.ParseInt(rest[:n], 10, 32)
		if err != nil || value > 0xff {
			return 0, bad
		}
		part[i], rest = value, rest[n:]
		if !strings.HasPrefix(rest, ".") {
			break
		}
		rest = rest[1:]
	}
	if dev, ok := strings.CutPrefix(rest, "-dev"); ok {
		n := 0
		for n < len(dev) && dev[n] >= '0' && dev[n] <= '9' {
			n++
		}
		value, err := strconv.ParseInt("0"+dev[:n], 10, 32)
		if err != nil || value >= 0xffff {
			return 0, bad
		}
		part[3], rest = value, dev[n:]
	}
	if rest != "" && rest[0] != '-' {
		return 0, bad
	}
	return part[0]<<40 | part[1]<<32 | part[2]<<24 | part[3], nil
}
