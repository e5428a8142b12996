package config

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// An expectLine is one `expect` line while it is read.
type expectLine struct {
	*line
	http bool
	step CheckStep
	e    *Expect
	i    int // the argument being read
	not  bool
}

// parseCheckExpect reads `http-check expect …` and `tcp-check expect …`.
func parseCheckExpect(http bool) func(*line) {
	return func(x *line) {
		p := &expectLine{line: x, http: http, e: &Expect{MinRecv: -1}}
		p.step.Expect = p.e
		if len(x.args) == 0 {
			x.alert(x.name, "'%s' : expects at least a matching pattern as arguments.", x.kw.Name)
			return
		}
		for ; p.i < len(x.args); p.i++ {
			if !p.word() {
				return
			}
		}
		if p.e.Kind == "" {
			x.alert(x.name, "'%s' : expects at least a matching pattern as arguments.", x.kw.Name)
			return
		}
		x.addStep(http, p.step)
	}
}

// expectStatuses are the statuses that ok-status and its kin take.
var expectStatuses = map[string][]string{
	"ok-status":    {"L4OK", "L6OK", "L7OK", "L7OKC"},
	"error-status": {"L4CON", "L6RSP", "L7RSP", "L7STS", "L7OKC"},
	"tout-status":  {"L4TOUT", "L6TOUT", "L7TOUT"},
}

// word reads one option or the pattern.
func (p *expectLine) word() bool {
	text := p.arg(p.i)
	if strings.HasPrefix(text, "!") {
		p.not = !p.not
		if text = text[1:]; text == "" {
			return true
		}
	}
	switch text {
	case "min-recv":
		return p.minRecv()
	case "comment":
		var ok bool
		p.step.Comment, ok = p.value()
		return ok
	case "ok-status":
		return p.status(text, &p.e.OK)
	case "error-status":
		return p.status(text, &p.e.Error)
	case "tout-status":
		return p.status(text, &p.e.Timeout)
	case "on-success":
		return p.format(&p.e.OnSuccess)
	case "on-error":
		return p.format(&p.e.OnError)
	case "status-code":
		return p.statusCode()
	}
	if p.e.Kind != "" && p.known(text) {
		p.alert(p.at(p.i), "'%s' : only one pattern expected.", p.kw.Name)
		return false
	}
	p.e.Not = p.not
	return p.pattern(text)
}

// value is the argument behind the option.
func (p *expectLine) value() (string, bool) {
	option := p.arg(p.i)
	p.i++
	if p.arg(p.i) == "" {
		p.alert(p.at(p.i-1), "'%s' : '%s' expects a string as argument.", p.kw.Name, option)
		return "", false
	}
	return p.arg(p.i), true
}

func (p *expectLine) minRecv() bool {
	text, ok := p.value()
	if !ok {
		return false
	}
	n, err := atoi(text)
	if err != nil || n < -1 || n > maxInt32 {
		p.alert(p.at(p.i), "'%s' : 'min-recv' expects -1 or an integer from 0 to INT_MAX.", p.kw.Name)
		return false
	}
	p.e.MinRecv = n
	return true
}

func (p *expectLine) status(option string, to *string) bool {
	text, ok := p.value()
	if !ok {
		return false
	}
	if !slices.Contains(expectStatuses[option], text) {
		p.choose(p.i, "'"+p.kw.Name+"' : '"+option+"' only supports "+quotedList(expectStatuses[option])+" status (got '"+text+"').", expectStatuses[option]...)
		return false
	}
	*to = text
	return true
}

func (p *expectLine) format(to **rule.Format) bool {
	if _, ok := p.value(); !ok {
		return false
	}
	*to = p.checkFormat(p.args[p.i])
	return *to != nil
}

func (p *expectLine) statusCode() bool {
	if _, ok := p.value(); !ok {
		return false
	}
	e, used, err := rule.ParseCheckExpr(p.args[p.i:])
	if err != nil {
		p.alert(p.at(p.i), "'%s' : error detected while parsing status-code expression : %s.", p.kw.Name, err)
		return false
	}
	p.e.StatusCode = e
	p.i += used - 1
	return true
}

// expectKinds are the patterns of each kind of check.
var expectKinds = map[bool][]string{
	true:  {"status", "rstatus", "hdr", "fhdr", "string", "rstring", "string-lf"},
	false: {"string", "rstring", "string-lf", "binary", "rbinary", "binary-lf"},
}

func (p *expectLine) known(kind string) bool { return slices.Contains(expectKinds[p.http], kind) }

// pattern reads a pattern of that kind.
func (p *expectLine) pattern(kind string) bool {
	if !p.known(kind) {
		list := "min-recv, comment, the statuses and messages, '[!]" + strings.Join(expectKinds[p.http], "', '[!]") + "'"
		p.choose(p.i, "'"+p.kw.Name+"' : only supports "+list+" but got '"+kind+"' as argument.", expectKinds[p.http]...)
		return false
	}
	p.e.Kind = kind
	if kind == "hdr" || kind == "fhdr" {
		return p.header()
	}
	p.i++
	w := p.at(p.i)
	text := p.arg(p.i)
	if text == "" {
		p.alert(p.at(p.i-1), "'%s' : '%s' expects a <pattern> as argument.", p.kw.Name, kind)
		return false
	}
	switch kind {
	case "status":
		return p.expectStatus(p.e, p.i)
	case "rstatus", "rstring":
		p.e.Match = p.regex(w)
		return p.e.Match != nil
	case "rbinary":
		p.e.Match = p.regex(w)
		if match := p.e.Match; match != nil {
			p.e.Match = func(b []byte) bool { return match([]byte(strings.ToUpper(hex.EncodeToString(b)))) }
		}
		return p.e.Match != nil
	case "string-lf", "binary-lf":
		p.e.Format = p.checkFormat(w)
		return p.e.Format != nil
	case "binary":
		var err error
		if p.e.Data, err = unhex(text); err != nil {
			p.alert(w, "'%s' : invalid binary string (%s).", p.kw.Name, err)
			return false
		}
		return true
	}
	p.e.Data = []byte(text)
	return true
}

// regex compiles a regular expression; nil after a problem.
func (p *expectLine) regex(w lang.Word) func([]byte) bool {
	re, err := regexp.Compile(w.Text)
	if err != nil {
		p.alert(w, "'%s' : regex '%s' is invalid (error=%s).", p.kw.Name, w.Text, err)
		return nil
	}
	return re.Match
}

// header reads `name|name-lf [-m METHOD] NAME [value|value-lf [-m METHOD] VALUE]`.
func (p *expectLine) header() bool {
	kind := p.arg(p.i)
	kind = strings.TrimPrefix(kind, "!")
	if t := p.arg(p.i + 1); t != "name" && t != "name-lf" || p.arg(p.i+2) == "" {
		p.alert(p.at(p.i), "'%s' : '%s' expects at the name keyword as first argument followed by a pattern.", p.kw.Name, kind)
		return false
	}
	p.i++
	if !p.headerMatch(kind, &p.e.Name) {
		return false
	}
	if t := p.arg(p.i + 1); t != "value" && t != "value-lf" {
		return true
	}
	p.i++
	p.e.Value = &HeaderMatch{}
	return p.headerMatch(kind, p.e.Value)
}

// headerMethods are the values of -m.
var headerMethods = []string{"str", "beg", "end", "sub", "reg"}

// headerMatch reads what stands behind name or value.
func (p *expectLine) headerMatch(kind string, m *HeaderMatch) bool {
	word := p.arg(p.i)
	m.How = "str"
	if p.arg(p.i+1) == "-m" {
		if m.How = p.arg(p.i + 2); !slices.Contains(headerMethods, m.How) {
			p.choose(p.i+2, "'"+p.kw.Name+"' : '"+kind+"' : '-m' only supports "+quotedList(headerMethods)+" (got '"+m.How+"').", headerMethods...)
			return false
		}
		p.i += 2
	}
	p.i++
	if m.Text = p.arg(p.i); m.Text == "" {
		p.alert(p.at(p.i-1), "'%s' : '%s' expects a pattern with the %s keyword.", p.kw.Name, kind, strings.TrimSuffix(word, "-lf"))
		return false
	}
	w := p.args[p.i]
	switch {
	case strings.HasSuffix(word, "-lf") && m.How == "reg":
		p.alert(w, "'%s' : '%s': log-format string is not supported with a regex matching method.", p.kw.Name, kind)
		return false
	case strings.HasSuffix(word, "-lf"):
		m.Format = p.checkFormat(w)
		return m.Format != nil
	case m.How == "reg":
		if word == "name" {
			w.Text = "(?i)" + w.Text
		}
		m.Match = p.regex(w)
		return m.Match != nil
	}
	return true
}

// expectStatus reads a list such as 200,204,300-399.
func (x *line) expectStatus(e *Expect, i int) bool {
	for _, part := range strings.Split(x.arg(i), ",") {
		first, last, isRange := strings.Cut(part, "-")
		low, err1 := strconv.Atoi(first)
		high, err2 := low, err1
		if isRange {
			high, err2 = strconv.Atoi(last)
		}
		if err1 != nil || err2 != nil {
			bad := strings.Trim(part, "0123456789-")
			if bad == "" {
				x.alert(x.at(i), "'http-check expect' : invalid list of status codes '%s'.", x.arg(i))
				return false
			}
			x.alert(x.at(i), "'http-check expect' : invalid character '%c' in the list of status codes.", bad[0])
			return false
		}
		if low < 0 || high > 999 || low > high {
			x.alert(x.at(i), "'http-check expect' : invalid range of status codes '%s'.", part)
			return false
		}
		e.Ranges = append(e.Ranges, [2]int{low, high})
	}
	return true
}
