package rule

import (
	"fmt"
	"strings"

	"bascule/internal/lang"
)

// atCheck is where the expressions of http-check and tcp-check stand: there is
// a reply and no request.
var atCheck = place{set: HTTPResponse, back: true, text: "health-check rule"}

// ParseCheckFormat compiles a log-format of http-check or tcp-check.
func ParseCheckFormat(text string) (*Format, error) { return parseFormat(text, atCheck) }

// ParseCheckExpr compiles the expression that words begin with; used counts
// the words taken.
func ParseCheckExpr(words []lang.Word) (e *Expr, used int, err error) {
	e, used, err = ParseExpr(words)
	if err == nil && !atCheck.allows(e.fetch.need) {
		err = fmt.Errorf("fetch method '%s' extracts information from '%s', none of which is available here", e.fetch.name, needNames[e.fetch.need])
	}
	return e, used, err
}

// IsCheckAction says whether a word of http-check or tcp-check is one of
// ParseCheckAction's.
func IsCheckAction(text string) bool {
	name, _ := cutName(text)
	return name == "set-var" || name == "set-var-fmt" || name == "unset-var"
}

// ParseCheckAction compiles set-var, set-var-fmt and unset-var of http-check
// and tcp-check.
func ParseCheckAction(words []lang.Word) (*Action, error) {
	spec := findAction(HTTPResponse, words[0].Text)
	if spec == nil || !IsCheckAction(words[0].Text) {
		return nil, fmt.Errorf("unknown action '%s'", words[0].Text)
	}
	name := strings.TrimSuffix(spec.name, "*")
	c := &compiler{set: HTTPResponse, name: words[0].Text, words: words[1:], env: &ParseEnv{Back: true}, at: atCheck, p: &lang.Problems{}}
	op, err := spec.parse(c)
	if err == nil && c.used < len(c.words) {
		err = fmt.Errorf("unexpected '%s': a step of a check has no condition", c.words[c.used].Text)
	}
	if err != nil {
		return nil, fmt.Errorf("'%s' : %w", name, err)
	}
	return &Action{name: name, op: op}, nil
}

// Append evaluates the format and appends its text to dst.
func (f *Format) Append(dst []byte, x *Ctx) []byte { return append(dst, f.eval(x)...) }

// Int evaluates the expression as a number, as HAProxy casts it.
func (e *Expr) Int(x *Ctx) (int64, bool) {
	s, ok := e.Sample(x)
	if !ok {
		return 0, false
	}
	return s.number()
}
