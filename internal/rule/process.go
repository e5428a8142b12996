package rule

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bascule/internal/lang"
)

// process holds the variables of the process (proc.), which all loops read: a
// map that is never changed, only replaced. Names come from the configuration
// only, so it stays small.
var process struct {
	mu   sync.Mutex // for those who replace it
	vars atomic.Pointer[map[string]*variable]
}

// processScope begins the names of the process's variables.
const processScope = "proc."

func findProcess(name string) *variable {
	if m := process.vars.Load(); m != nil {
		return (*m)[name]
	}
	return nil
}

// changeProcess replaces the map by one in which change was made.
func changeProcess(change func(m map[string]*variable)) {
	process.mu.Lock()
	defer process.mu.Unlock()
	next := map[string]*variable{}
	if m := process.vars.Load(); m != nil {
		maps.Copy(next, *m)
	}
	change(next)
	process.vars.Store(&next)
}

func setProcess(name string, s *Sample) {
	v := &variable{name: name, kind: s.Kind, num: s.Int, addr: s.Addr}
	if s.Kind >= KindStr {
		v.bytes = append([]byte(nil), s.Bytes...)
	}
	changeProcess(func(m map[string]*variable) { m[name] = v })
}

// A ProcessVar is one `set-var` or `set-var-fmt` line of global.
type ProcessVar struct {
	name   string
	expr   *Expr
	format *Format
}

// BeginProcess gives the process the variables of a configuration and no
// others, as a new HAProxy has.
func BeginProcess(list []*ProcessVar) {
	changeProcess(func(m map[string]*variable) { clear(m) })
	for _, p := range list {
		p.set()
	}
}

// atGlobal is where the expressions of global stand: there is no message.
var atGlobal = place{set: TCPRequestConnection, front: true, text: "global section"}

// ParseProcessVar compiles what follows set-var, or with fmt set-var-fmt, in
// the global section; bad is the word that the error is about.
func ParseProcessVar(words []lang.Word, fmtKind bool) (p *ProcessVar, bad lang.Word, err error) {
	name := words[0].Text
	if err := checkVarName(name); err != nil {
		return nil, words[0], err
	}
	if !strings.HasPrefix(name, processScope) {
		return nil, words[0], fmt.Errorf("cannot set variable '%s', only scope 'proc' is permitted in the global section", name)
	}
	p = &ProcessVar{name: name}
	if fmtKind {
		p.format, err = parseFormat(words[1].Text, atGlobal)
		return p, words[1], err
	}
	e, used, err := ParseExpr(words[1:])
	switch {
	case err != nil:
		return nil, words[1], err
	case !atGlobal.allows(e.fetch.need):
		return nil, words[1], fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", words[1].Text, needNames[e.fetch.need])
	case used < len(words)-1:
		return nil, words[1+used], errors.New("unexpected '" + words[1+used].Text + "' behind the expression")
	}
	p.expr = e
	return p, lang.Word{}, nil
}

// ProcessValue is the variable proc.NAME: the word for its kind, and its value as text.
func ProcessValue(name string) (kind, value string, ok bool) {
	v := findProcess(name)
	if v == nil {
		return "", "", false
	}
	switch kind = "str"; v.kind {
	case KindBool:
		kind = "bool"
	case KindInt:
		kind = "sint"
	case KindBin:
		kind = "bin"
	case KindMethod:
		kind = "meth"
	case KindAddr:
		if kind = "ipv6"; v.addr.Is4() {
			kind = "ipv4"
		}
	}
	return kind, string(v.appendTo(nil)), true
}

// maxProcessVars bounds what can be set at run time.
const maxProcessVars = 1024

// SetProcessValue sets the variable proc.NAME to what an expression, or one
// log-format, gives. It lasts until the next configuration.
func SetProcessValue(name string, words []string, format bool) error {
	if m := process.vars.Load(); m != nil && len(*m) >= maxProcessVars && (*m)[name] == nil {
		return fmt.Errorf("there are %d variables already", len(*m))
	}
	list := []lang.Word{{Text: name}}
	for _, w := range words {
		list = append(list, lang.Word{Text: w})
	}
	p, _, err := ParseProcessVar(list, format)
	if err != nil {
		return err
	}
	if !p.set() {
		return errors.New("the expression gives no value")
	}
	return nil
}

// set evaluates the line; false: there is no value.
func (p *ProcessVar) set() bool {
	x, s := &Ctx{Now: time.Now()}, &Sample{}
	if p.format != nil {
		s.Kind, s.Bytes = KindStr, p.format.eval(x)
	} else if !p.expr.first(x, s) {
		return false
	}
	setProcess(p.name, s)
	return true
}
