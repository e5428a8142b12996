package backend

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// An AgentHealth is what an agent says about a server's health.
type AgentHealth uint8

// The words of an agent about health: nothing, up, or down, stopped and fail.
const (
	AgentSilent AgentHealth = iota
	AgentUp
	AgentDown
)

// AgentResult says that an agent check of Srv ended. What the agent's line
// says besides health counts only if Line is set.
type AgentResult struct {
	Srv    *Server
	Result Result // Status and Info are those of a check that got no line
	Line   *AgentLine
}

// An AgentLine is one answer of an agent, in words.
type AgentLine struct {
	Health  AgentHealth
	Word    string // the word about health, as written
	Reason  string // behind a #
	Order   *Order
	Weight  string // "50%"
	MaxConn string // behind maxconn:
	Unknown string // the first word that means nothing
	// Incomplete: the line did not end; the status stays as it was.
	Incomplete bool
}

// apply takes over orders first, then weight and maxconn, then health, as
// HAProxy does.
func (e AgentResult) apply(b *Backend) error {
	st := e.Srv.State()
	if !st.Agent.Enabled || st.Removed {
		return nil
	}
	now, r := time.Now(), e.Result
	if e.Line == nil {
		b.happen(agentChecked{r, AgentSilent}, now, e.Srv)
		return nil
	}
	if e.Line.Incomplete {
		r.Status, r.Code, r.Info = st.Agent.Status, 0, "Ignoring incomplete line from agent"
		b.happen(agentChecked{r, AgentSilent}, now, e.Srv)
		return nil
	}
	warning := e.adjust(b, now)
	r.Status, r.Info = e.Line.verdict(warning)
	b.happen(agentChecked{r, e.Line.Health}, now, e.Srv)
	return nil
}

// adjust carries out what the agent asks for beside health; the text says what
// could not be.
func (e AgentResult) adjust(b *Backend, now time.Time) (warning string) {
	if e.Line.Order != nil {
		b.happen(ordered(*e.Line.Order), now, e.Srv)
	}
	if e.Line.Weight != "" {
		w, err := parseWeight(e.Line.Weight, e.Srv.State().IWeight, dynamic(b.cfg.Load()))
		if err == nil {
			b.happen(weighed(w), now, e.Srv)
		} else {
			warning = err.Error()
		}
	}
	if e.Line.MaxConn != "" {
		n, why := parseMaxConn(e.Line.MaxConn)
		if why == "" {
			b.happen(limited(n), now, e.Srv)
		} else if warning == "" {
			warning = why
		}
	}
	return warning
}

// verdict words the answer, as the statistics show it.
func (l *AgentLine) verdict(warning string) (status CheckStatus, info string) {
	odd := l.Unknown
	if odd == "" {
		odd = warning
	}
	switch {
	case l.Health != AgentSilent:
		status, info = CheckL7OK, l.Reason
		if l.Health == AgentDown {
			status = CheckL7STS
		}
		if (info == "" || l.Health == AgentUp) && odd != "" {
			info = odd
		}
		if info != "" {
			info = " (" + info + ")"
		}
		return status, "via agent : " + l.Word + info
	case l.Unknown != "":
		return CheckCHECKED, "agent reports an error : " + l.Unknown
	case warning != "":
		return CheckCHECKED, "agent warns : " + warning
	}
	return CheckCHECKED, ""
}

// parseMaxConn reads what stands behind maxconn: and says what is wrong with
// it in HAProxy's words.
func parseMaxConn(text string) (n int, why string) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(text[:digits])
	switch {
	case digits == 0:
		return 0, "maxconn string empty or preceded by garbage"
	case digits < len(text):
		return 0, "Trailing garbage in maxconn string"
	case err != nil:
		n = maxMaxConn
	}
	return min(n, maxMaxConn), ""
}

// maxMaxConn bounds a maxconn given at run time, so that its product with the
// streams of a backend (minconn) or with percent (slowstart) is a number.
const maxMaxConn = math.MaxInt32

// SetMaxConn is "set maxconn server": the error says what is wrong with Text.
type SetMaxConn struct {
	Srv  *Server
	Text string
}

func (e SetMaxConn) apply(b *Backend) error {
	n, why := parseMaxConn(e.Text)
	if why != "" {
		return errors.New(why)
	}
	b.happen(limited(n), time.Now(), e.Srv)
	return nil
}

// limited is a new maxconn at run time.
type limited int

func (n limited) on(t *turn) { t.MaxConn = int(n) }

// agentChecked is the end of an agent check.
type agentChecked struct {
	Result
	health AgentHealth
}

// on records an answer. A failure to reach the agent is no evidence against
// the server: only the words down, stopped and fail are.
func (r agentChecked) on(t *turn) {
	report := t.Agent.take(r.Result, t.now)
	if r.health != AgentSilent {
		t.AgentUp = r.health == AgentUp
	}
	if r.Status.Outcome() == Neutral {
		return
	}
	if report {
		t.note(noteAgent, causeNone)
	}
	switch {
	case r.Status == CheckL7STS && !t.AgentUp:
		t.stop(causeAgent)
	case r.Status.Outcome() == Passed && t.Op != Stopping && t.mayRun():
		t.run(causeAgent)
	}
}

// SetAgent is "enable agent" and "disable agent".
type SetAgent struct {
	Srv *Server
	On  bool
}

func (e SetAgent) apply(b *Backend) error {
	b.happen(agentSet(e.On), time.Now(), e.Srv)
	return nil
}

type agentSet bool

func (on agentSet) on(t *turn) { t.Agent.Enabled = bool(on) && t.Agent.Configured }

// SetAgentHealth is "set server … agent up" and "… down".
type SetAgentHealth struct {
	Srv *Server
	Up  bool
}

func (e SetAgentHealth) apply(b *Backend) error {
	b.happen(agentPronounced(e.Up), time.Now(), e.Srv)
	return nil
}

type agentPronounced bool

func (up agentPronounced) on(t *turn) {
	t.AgentUp = bool(up)
	if up {
		t.run(causeCLI)
	} else {
		t.stop(causeCLI)
	}
}
