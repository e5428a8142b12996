package config

import (
	"slices"
	"strings"

	"bascule/internal/lang"
	"bascule/internal/rule"
)

// checkDraft is what a section's lines say about checks.
type checkDraft struct {
	kind      CheckKind
	option    *CheckRequest // option httpchk
	late      bool          // option stands behind the first http-check send: it wins
	protocol  []CheckStep   // option smtpchk, redis-check, …
	http, tcp stepList
	tls       bool // a connect says ssl, if only in the defaults: every server needs settings of TLS
}

// A stepList is the http-check or the tcp-check lines of a section. Those of
// its defaults section count only where it has none of its own.
type stepList struct {
	steps     []CheckStep
	own       bool // the section has such lines itself
	lines     int
	comment   string // of `comment`, for the steps that follow
	commented int    // kind of the step that comment was given to, 0: none yet
}

// child is what a section that follows takes over.
func (c checkDraft) child() checkDraft {
	c.http = stepList{steps: slices.Clip(c.http.steps), lines: c.http.lines}
	c.tcp = stepList{steps: slices.Clip(c.tcp.steps), lines: c.tcp.lines}
	return c
}

// steps is the list that a line of the section adds to.
func (x *line) steps(http bool) *stepList {
	l := &x.px.checks.tcp
	if http {
		l = &x.px.checks.http
	}
	if !l.own {
		*l = stepList{own: true}
	}
	return l
}

// addStep adds the step that a line gave, if it may stand there.
func (x *line) addStep(http bool, s CheckStep) {
	l := x.steps(http)
	if why := l.misplaced(s, http && x.px.checks.kind == CheckHTTP); why != "" {
		x.alert(x.name, "'%s' : %s.", x.kw.Name, why)
		return
	}
	l.lines++
	s.Number = l.lines
	s.Comment = l.commentFor(s)
	l.steps = append(l.steps, s)
}

// commentFor is the comment of a step: its own, or that of the `comment` line
// before, which holds for one kind of step.
func (l *stepList) commentFor(s CheckStep) string {
	kind := s.kind()
	if l.comment != "" && l.commented != 0 && l.commented != kind {
		l.comment = ""
	}
	l.commented = kind
	if s.Comment != "" || s.Action != nil {
		return s.Comment
	}
	return l.comment
}

func (s *CheckStep) kind() int {
	for i, is := range []bool{s.Connect != nil, s.Send != nil || s.Request != nil, s.Expect != nil, s.Action != nil} {
		if is {
			return i + 1
		}
	}
	return 0
}

// misplaced says why a step cannot follow those before it. A sequence of
// http-check goes connect, send, expect, and again; HAProxy looks at that only
// behind option httpchk.
func (l *stepList) misplaced(s CheckStep, sequence bool) string {
	first, last := l.firstStep(), l.lastStep()
	if s.Connect != nil && first != nil && first.Connect == nil {
		return "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the tcp-check ruleset"
	}
	if !sequence || last == nil {
		return ""
	}
	word, missing := "", ""
	switch {
	case s.Connect != nil && last.Expect == nil:
		word, missing = "connect", "expect"
	case s.Request != nil && last.Connect == nil:
		word, missing = "send", "connect"
	case s.Expect != nil && last.Connect != nil:
		word, missing = "expect", "send"
	}
	if missing == "" {
		return ""
	}
	return "unable to add http-check " + word + " rule at step " + itoa(l.lines+1) + " (missing " + missing + " rule)"
}

// firstStep and lastStep leave actions out.
func (l *stepList) firstStep() *CheckStep {
	for i := range l.steps {
		if l.steps[i].Action == nil {
			return &l.steps[i]
		}
	}
	return nil
}

func (l *stepList) lastStep() *CheckStep {
	for i := len(l.steps) - 1; i >= 0; i-- {
		if l.steps[i].Action == nil {
			return &l.steps[i]
		}
	}
	return nil
}

// parseCheckComment reads `http-check comment TEXT` and `tcp-check comment TEXT`.
func parseCheckComment(http bool) func(*line) {
	return func(x *line) {
		if x.arg(0) == "" {
			x.alert(x.name, "'%s' : expects a string as argument.", x.kw.Name)
			return
		}
		l := x.steps(http)
		l.lines++
		l.comment, l.commented = x.arg(0), 0
	}
}

// parseCheckAction reads set-var(…), set-var-fmt(…) and unset-var(…).
func parseCheckAction(http bool) func(*line) {
	return func(x *line) {
		words := append([]lang.Word{x.name}, x.args...)
		words[0].Text = strings.TrimPrefix(x.name.Text, strings.Fields(x.kw.Name)[0]+" ")
		a, err := rule.ParseCheckAction(words)
		if err != nil {
			x.alert(x.name, "'%s' : %s.", x.name.Text, err)
			return
		}
		x.addStep(http, CheckStep{Action: a})
	}
}

// checkFormat compiles a log-format and words its errors.
func (x *line) checkFormat(w lang.Word) *rule.Format {
	f, err := rule.ParseCheckFormat(w.Text)
	if err != nil {
		x.alert(w, "'%s' : '%s' invalid log-format string (%s).", x.kw.Name, w.Text, err)
		return nil
	}
	return f
}

// settleCheck turns what the lines say into the Check of a backend.
func (d *draft) settleCheck() {
	c := &d.Check
	c.Kind = d.checks.kind
	switch c.Kind {
	case CheckHTTP:
		c.Steps = d.checks.settleHTTP()
	case CheckTCP:
		c.Steps = d.checks.tcp.steps
	case CheckProtocol:
		c.Steps = d.checks.protocol
	}
	l := stepList{steps: c.Steps}
	if first := l.firstStep(); first == nil || first.Connect == nil {
		c.Steps = slices.Insert(slices.Clip(c.Steps), 0, CheckStep{Connect: &CheckDial{Default: true}})
	}
}

// settleHTTP completes a sequence by what it leaves out: the request, which
// is that of option httpchk, and the last expect.
func (c *checkDraft) settleHTTP() []CheckStep {
	steps, at := slices.Clone(c.http.steps), 0
	for at < len(steps) && (steps[at].Action != nil || steps[at].Connect != nil) {
		at++
	}
	if at < len(steps) && steps[at].Request != nil {
		if c.late {
			steps[at].Request = c.option.over(steps[at].Request)
		} else {
			steps[at].Request = steps[at].Request.over(c.option)
		}
	} else {
		at = 0
		for i := range steps {
			if steps[i].Connect != nil {
				at = i + 1
				break
			}
		}
		steps = slices.Insert(steps, at, CheckStep{Request: c.option})
	}
	l := stepList{steps: steps}
	if last := l.lastStep(); last.Request != nil {
		steps = append(steps, CheckStep{Expect: &Expect{Kind: "status", Ranges: [][2]int{{200, 399}}, MinRecv: -1}})
	}
	return steps
}

// over is r, completed by another request.
func (r *CheckRequest) over(other *CheckRequest) *CheckRequest {
	both := *r
	if both.Method == "" {
		both.Method = other.Method
	}
	if both.URI == "" && both.URIFormat == nil {
		both.URI, both.URIFormat = other.URI, other.URIFormat
	}
	if both.Version == "" {
		both.Version = other.Version
	}
	if len(both.Body) == 0 && both.BodyFmt == nil {
		both.Body, both.BodyFmt = other.Body, other.BodyFmt
	}
	if len(both.Headers) == 0 {
		both.Headers = other.Headers
	}
	return &both
}

// verifyChecks warns about lines that no option makes use of.
func (l *loader) verifyChecks(d *draft) {
	if !d.Backend {
		return
	}
	if d.checks.http.own && d.checks.kind != CheckHTTP {
		l.about(lang.Warning, d.at, "%s '%s' uses http-check rules without 'option httpchk', so the rules are ignored.", d.noun(), d.Name)
	}
	if d.checks.tcp.own && d.checks.kind != CheckTCP {
		l.about(lang.Warning, d.at, "%s '%s' uses tcp-check rules without 'option tcp-check', so the rules are ignored.", d.noun(), d.Name)
	}
}
