package explain

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Write prints a report for people.
func (r *Report) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s from %s\n", r.Request, r.Client)
	fmt.Fprintf(out, "frontend %s (%s), bind %s\n", r.Frontend.Name, r.Frontend.At, strings.Join(r.Binds, ", "))
	if r.TLS != nil {
		for _, l := range r.TLS.lines() {
			fmt.Fprintln(out, l)
		}
	}
	asked, replied := r.sides()
	writeSteps(out, asked)
	r.writeBackend(out)
	r.writeServer(out)
	r.writeAnswer(out)
	if len(r.Reply) > 0 || len(replied) > 0 {
		fmt.Fprintln(out, r.replyTitle())
		writeSteps(out, replied)
		writeLines(out, r.Reply)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	return out.Flush()
}

// replyTitle is the line above the rules on the reply: a server that is not
// asked says nothing.
func (r *Report) replyTitle() string {
	if r.Server == nil {
		return "the answer passes"
	}
	return "a plain 200 of the server gets"
}

// sides are the rules on the request and those on the reply.
func (r *Report) sides() (asked, replied []Step) {
	for _, s := range r.Steps {
		if strings.HasPrefix(s.Rule, "http-response") || strings.HasPrefix(s.Rule, "http-after-response") {
			replied = append(replied, s)
		} else {
			asked = append(asked, s)
		}
	}
	return asked, replied
}

func writeSteps(out *bufio.Writer, steps []Step) {
	for i := range steps {
		steps[i].write(out)
	}
}

func (s *Step) write(out *bufio.Writer) {
	mark := "no "
	if s.Matched {
		mark = "yes"
	}
	fmt.Fprintf(out, "  %s  %s  (%s)\n", mark, s.Rule, s.At)
	if s.Why != "" {
		fmt.Fprintf(out, "         %s\n", s.Why)
	}
	for _, c := range s.Changed {
		fmt.Fprintf(out, "         %s\n", c)
	}
}

func (r *Report) writeBackend(out *bufio.Writer) {
	c := r.Backend
	if c == nil {
		return
	}
	fmt.Fprintf(out, "backend %s (%s), balance %s\n", c.Name, c.At, c.Balance)
	if c.Hash != "" {
		fmt.Fprintf(out, "  key '%s', hash %s\n", c.Key, c.Hash)
	}
	if c.Cookie != "" {
		fmt.Fprintf(out, "  cookie %s: %s\n", c.Cookie, cookieSays[c.Persist])
	}
}

// cookieSays are the verdicts as sentences.
var cookieSays = map[string]string{
	"none": "the client sends none, balance decides", "unknown": "it names no server, balance decides",
	"down": "its server is down, balance decides", "expired": "older than maxidle, balance decides",
	"old": "older than maxlife, balance decides", "valid": "it names a server that is up",
}

func (r *Report) writeServer(out *bufio.Writer) {
	s := r.Server
	if s == nil {
		return
	}
	why := "by " + r.Backend.Balance
	if r.Backend.ByCookie {
		why = "by its cookie"
	}
	fmt.Fprintf(out, "server %s at %s, id %d (%s), %s\n", s.Name, s.Address, s.ID, s.At, why)
	switch {
	case s.IfDown != "":
		fmt.Fprintf(out, "  if it were down: %s\n", s.IfDown)
	case r.TCP:
		fmt.Fprintln(out, "  if it were down: the connection would be closed without a word")
	default:
		fmt.Fprintln(out, "  if it were down: nobody could answer, 503")
	}
	if len(r.Sent) > 0 {
		fmt.Fprintln(out, "the server sees")
		writeLines(out, r.Sent)
	}
}

func (r *Report) writeAnswer(out *bufio.Writer) {
	a := r.Answer
	switch {
	case a == nil:
	case a.Service != "":
		fmt.Fprintf(out, "answered here by the service %s\n", a.Service)
	case a.Status == 0:
		fmt.Fprintf(out, "closed without a word (%s)\n", a.Term)
	default:
		fmt.Fprintf(out, "answered here: %d %s (%s)\n", a.Status, a.Reason, a.Term)
		for _, f := range a.Fields {
			fmt.Fprintf(out, "    %s\n", f)
		}
		if a.Body != "" {
			fmt.Fprintf(out, "    %d bytes of body\n", len(a.Body))
		}
	}
}

func writeLines(out *bufio.Writer, lines []Line) {
	for _, l := range lines {
		fmt.Fprintf(out, "  %1s %s\n", l.Mark, l.Text)
	}
}
