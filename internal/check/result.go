package check

import (
	"fmt"
	"strconv"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// passed is the result when all steps were taken; it depends on the last.
func (r *run) passed() {
	s := r.step
	switch {
	case s != nil && s.Expect != nil && r.spare404():
		r.end(backend.CheckL7OKC, "")
	case s != nil && s.Expect != nil:
		r.end(statusNamed(s.Expect.OK, backend.CheckL7OK), r.praise(s.Expect))
	case s != nil && s.Connect != nil:
		info := ""
		if s.Number > 0 {
			info = "(tcp-check)"
		}
		if r.secured {
			r.end(backend.CheckL6OK, info)
		} else {
			r.end(backend.CheckL4OK, info)
		}
	default:
		r.end(backend.CheckL7OK, "(tcp-check)")
	}
}

// praise is what the last expect says of a check that passed.
func (r *run) praise(e *config.Expect) string {
	info := e.Praise
	switch {
	case e.OnSuccess != nil:
		info = string(e.OnSuccess.Append(nil, &r.x))
	case e.Say != nil && info == "":
		r.code, info = e.Say(r.buf)
	case r.kind == config.CheckTCP:
		info = "(tcp-check)"
	}
	r.codeOf(e)
	return info
}

// codeOf takes over the status code that an expect asks for.
func (r *run) codeOf(e *config.Expect) {
	if e.StatusCode == nil {
		return
	}
	if n, ok := e.StatusCode.Int(&r.x); ok {
		r.code = int(n)
	}
}

// failed ends the check at an expect. info is what the protocol says about it;
// missing: the pattern was wanted and not there. e is nil when the expect could
// not be evaluated.
func (r *run) failed(e *config.Expect, status backend.CheckStatus, info string, missing bool) (over bool) {
	if e == nil {
		return r.end(status, info+r.comment())
	}
	parsed := r.kind != config.CheckHTTP || r.seen // else no expect was compared
	if parsed {
		status = statusNamed(e.Error, status)
	}
	switch {
	case e.OnError != nil:
		info = string(e.OnError.Append(nil, &r.x))
	case info != "":
	case r.kind == config.CheckHTTP: // no reply, or one without a reason
	case len(r.buf) == 0:
		info = "TCPCHK got an empty response at step " + strconv.Itoa(r.number())
	case e.Say != nil:
		code := 0
		if code, info = e.Say(r.buf); code != 0 {
			r.code = code
		}
	case r.kind == config.CheckTCP:
		info = r.mismatch(e, missing)
	}
	r.codeOf(e)
	return r.end(status, info+r.comment())
}

// mismatch words the failure of an expect of tcp-check.
func (r *run) mismatch(e *config.Expect, missing bool) string {
	text := "TCPCHK matched unwanted content"
	if missing {
		text = "TCPCHK did not match content"
	}
	if e.Kind == "string" {
		text += fmt.Sprintf(" '%s'", e.Data)
	} else {
		text += " (" + patternNames[e.Kind] + ")"
	}
	return text + " at step " + strconv.Itoa(r.number())
}

// patternNames are the kinds of expect in messages.
var patternNames = map[string]string{
	"rstring": "regex", "binary": "binary", "rbinary": "binary regex",
	"string-lf": "log-format string", "binary-lf": "log-format binary",
}

// number is that of the step, 0 before the first that is written.
func (r *run) number() int { return r.step.Number }

func (r *run) comment() string {
	if r.step.Comment == "" {
		return ""
	}
	return " comment: " + r.step.Comment
}

// broken ends the check because its connection failed.
func (r *run) broken(err error) (over bool) {
	if !timedOut(err) {
		return r.end(backend.CheckSOCKERR, r.whyBroken(err)+r.where())
	}
	status := backend.CheckL7TOUT
	if r.step.Expect != nil {
		status = statusNamed(r.step.Expect.Timeout, status)
	}
	return r.end(status, r.where())
}

// where says at which step of a tcp-check a connection failed.
func (r *run) where() string {
	if r.kind != config.CheckTCP {
		return ""
	}
	if r.number() == 0 {
		return " at initial connection step of tcp-check"
	}
	text := fmt.Sprintf(" at step %d of tcp-check", r.number())
	switch s := r.step; {
	case s.Connect != nil && s.Connect.Port != 0:
		text += fmt.Sprintf(" (connect port %d)", s.Connect.Port)
	case s.Connect != nil:
		text += " (connect)"
	case s.Expect != nil && s.Expect.Kind == "string":
		text += fmt.Sprintf(" (expect string '%s')", s.Expect.Data)
	case s.Expect != nil && s.Expect.Kind == "binary":
		text += fmt.Sprintf(" (expect binary '%s')", s.Expect.Data)
	case s.Expect != nil:
		text += " (expect " + patternNames[s.Expect.Kind] + ")"
	case s.Send != nil:
		text += " (send)"
	}
	if r.step.Comment != "" {
		text += " comment: '" + r.step.Comment + "'"
	}
	return text
}

// stateHeader is the value of http-check send-state.
func stateHeader(s *backend.Server, node string) string {
	st, b := s.State(), s.Backend()
	sessions, weight := int64(0), 0
	for _, o := range b.Servers() {
		sessions += o.Cur.Cur()
		if os := o.State(); os.Usable() {
			weight += os.Weight()
		}
	}
	word := s.Status()
	if word == "no check" {
		word = "UP"
	}
	addr, port := "unix", "unix"
	if a := s.Addr(); a.Addr().IsValid() {
		addr, port = a.Addr().String(), strconv.Itoa(int(a.Port()))
	}
	return fmt.Sprintf("%s; address=%s; port=%s; name=%s/%s; node=%s; weight=%d/%d; scur=%d/%d; qcur=%d",
		word, addr, port, b.Name(), s.Name, node, st.Weight(), weight, s.Cur.Cur(), sessions, s.Queue.Cur())
}
