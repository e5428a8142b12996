package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/lang"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A telling writes down what happens.
type telling struct {
	cfg    *config.Config
	fe     *config.Proxy
	asked  Asked
	report *Report
	before []string // the message's lines before a rule
	called chan string
}

// watch puts watched rules in the place of the configuration's.
func (t *telling) watch() {
	for _, p := range t.cfg.Proxies {
		p.TCP.Connection = rule.Watched(p.TCP.Connection, t.look("tcp-request connection"), t.note(requestLines))
		p.TCP.Session = rule.Watched(p.TCP.Session, t.look("tcp-request session"), t.note(requestLines))
		p.TCP.Request = rule.Watched(p.TCP.Request, t.look("tcp-request content"), t.note(requestLines))
		p.HTTPRequest = rule.Watched(p.HTTPRequest, t.look("http-request"), t.note(requestLines))
		p.HTTPResponse = rule.Watched(p.HTTPResponse, t.look("http-response"), t.note(replyLines))
		p.HTTPAfter = rule.Watched(p.HTTPAfter, t.look("http-after-response"), t.note(replyLines))
	}
	t.fe.HTTPRequest = append(t.fe.HTTPRequest, rule.Probe(t.switches))
}

// look writes down a rule and whether its condition holds.
func (t *telling) look(set string) func(*rule.Action, bool, *rule.Ctx) {
	return func(a *rule.Action, matched bool, x *rule.Ctx) {
		t.report.Steps = append(t.report.Steps, Step{
			At: at(a.Pos()), Rule: set + " " + a.Text(), Matched: matched, Why: because(a.Cond(), x),
		})
		t.before = requestLines(x)
		if strings.HasPrefix(set, "http-response") || strings.HasPrefix(set, "http-after") {
			t.before = replyLines(x)
		}
	}
}

// note adds what the rule has changed.
func (t *telling) note(read func(*rule.Ctx) []string) func(*rule.Action, *rule.Ctx, *rule.Outcome) {
	return func(a *rule.Action, x *rule.Ctx, out *rule.Outcome) {
		step := &t.report.Steps[len(t.report.Steps)-1]
		for _, l := range compare(t.before, read(x)) {
			if l.Mark != "" {
				step.Changed = append(step.Changed, l.Mark+" "+l.Text)
			}
		}
		step.Ends = out.Verdict != rule.Allow || a.Final()
	}
}

// switches looks at the use_backend lines when the frontend's rules are done.
func (t *telling) switches(x *rule.Ctx) {
	for _, s := range t.fe.UseBackend {
		matched := s.Cond.Match(x)
		name, there := s.Text, true
		if s.Backend == nil && matched {
			name = string(s.Name.Eval(x))
			there = t.hasBackend(name)
		}
		t.report.Steps = append(t.report.Steps, Step{
			At: at(s.At), Rule: "use_backend " + name, Matched: matched, Why: because(s.Cond, x), Ends: matched && there,
		})
		if !matched {
			continue
		}
		if there {
			return
		}
		t.nowhere(s.Text, name)
		break // no line is looked at after one that matched
	}
	if d := t.fe.DefaultBackend; d != nil {
		pos, _ := t.fe.Said("default_backend")
		t.report.Steps = append(t.report.Steps, Step{At: at(pos), Rule: "default_backend " + d.Name, Matched: true, Ends: true})
	}
}

// hasBackend says whether a backend has that name.
func (t *telling) hasBackend(name string) bool {
	return slices.ContainsFunc(t.cfg.Proxies, func(p *config.Proxy) bool { return p.Backend && p.Name == name })
}

// nowhere notes that a use_backend line gave a name that no backend has.
func (t *telling) nowhere(text, name string) {
	then := "there is no default_backend either"
	if t.fe.DefaultBackend != nil {
		then = "default_backend takes over"
	}
	t.report.Notes = append(t.report.Notes, fmt.Sprintf("use_backend %s gives '%s', and there is no backend of that name: %s", text, name, then))
}

func at(p lang.Pos) string {
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// because is a condition as it turned out: each term with its value.
func because(c *rule.Cond, x *rule.Ctx) string {
	if c == nil {
		return ""
	}
	word := "if "
	if c.Unless() {
		word = "unless "
	}
	var groups []string
	for _, g := range c.Groups() {
		var terms []string
		for _, term := range g {
			text := term.String()
			if term.Name != "" {
				text += " { " + strings.Join(term.Text, " or ") + " }"
			}
			terms = append(terms, fmt.Sprintf("%s: %t", text, term.Match(x)))
		}
		groups = append(groups, strings.Join(terms, ", "))
	}
	return word + strings.Join(groups, " or ")
}

func requestLines(x *rule.Ctx) []string {
	if x.Req == nil {
		return nil
	}
	return lines(x.Req.AppendTo(nil, wire.BodyNone, 0, wire.ConnNone))
}

func replyLines(x *rule.Ctx) []string {
	if x.Res == nil {
		return nil
	}
	return lines(x.Res.AppendTo(nil, 1, wire.BodyNone, 0, wire.ConnNone))
}

// serviceTime bounds the wait for the goroutine of a service to say its name.
const serviceTime = 5 * time.Second

// run sends the request through a world.
func (t *telling) run(down []*config.Server) error {
	t.called = make(chan string, 1)
	w := build(t.cfg, t.fe, down, func(name string) { t.called <- name })
	defer w.loop.End()
	for _, b := range t.fe.Binds {
		t.report.Binds = append(t.report.Binds, b.Addr.Text)
	}
	head := []string{"a connection"}
	if t.fe.Mode == config.ModeHTTP {
		text, _, err := t.asked.head()
		if err != nil {
			return err
		}
		head = lines(text)
	}
	t.report.Request = head[0]
	d := &side{asked: &t.asked, fe: w.front, see: func(d *side) { t.chosen(w, d) }}
	w.ask(d, t.asked)
	switch {
	case d.sent != nil:
		t.report.Sent = compare(head, lines(d.sent))
		t.replied(d)
	case d.refused:
		t.report.Answer = &Answer{Term: "PR"}
	case d.srv == nil:
		t.answered(d)
	}
	return nil
}

// replied lets the server say 200, and writes down what is changed in it.
func (t *telling) replied(d *side) {
	rep := &wire.Reply{}
	if d.done || rep.Parse([]byte(serverReply), nil, wire.MethodGet) != wire.Done {
		return
	}
	d.s.ReplyHead(rep)
	if d.reply == nil && d.answer != nil {
		t.answered(d)
		return
	}
	for _, l := range compare(lines([]byte(serverReply)), lines(d.reply)) {
		if l.Mark != "" && !strings.HasPrefix(strings.ToLower(l.Text), "content-length:") {
			t.report.Reply = append(t.report.Reply, l)
		}
	}
}

// answered writes down an answer made here.
func (t *telling) answered(d *side) {
	if d.s == nil {
		return
	}
	told := d.s.Tell()
	t.backend(told)
	a := &Answer{Status: told.Status, Term: string(told.Term[:])}
	t.report.Answer = a
	switch {
	case d.answer != nil:
		a.Status, a.Reason = d.answer.Status, d.answer.Reason
		a.Body = string(d.answer.Body)
		if len(d.answer.Fields) > 0 {
			a.Fields = lines(d.answer.Fields)
		}
	case d.reply != nil:
		head := lines(d.reply)
		_, a.Reason, _ = strings.Cut(strings.TrimPrefix(head[0], "HTTP/1.1 "), " ")
		a.Fields = head[1:]
	case d.done:
		a.Status = 0
	default:
		select {
		case a.Service = <-t.called:
			a.Status = 200
		case <-time.After(serviceTime):
			t.report.Notes = append(t.report.Notes, "the request waits: for a slot, for its body, or for timeout tarpit")
		}
	}
}

// chosen writes down backend and server.
func (t *telling) chosen(w *world, d *side) {
	t.backend(d.s.Tell())
	c, srv := t.report.Backend, d.srv.Config()
	t.key(c, d.srv.Backend(), &w.car.Ctx)
	t.report.Server = &Server{Name: srv.Name, At: srv.Line, Address: srv.Addr.Text, ID: srv.ID}
	if c.ByTurn {
		t.report.Notes = append(t.report.Notes, "balance "+c.Balance+": the request does not decide which server; this is the first in turn")
	}
}

// backend writes down the backend and what became of its cookie.
func (t *telling) backend(told stream.Told) {
	if told.Backend == nil {
		return
	}
	p := told.Backend.Config()
	c := &Chosen{Name: p.Name, At: p.Line, Balance: algorithm(&p.Balance), ByCookie: told.Direct}
	c.ByTurn = !p.Balance.Algorithm.Hashes() && !told.Direct && len(p.Servers) > 1
	if p.Cookie != nil {
		c.Cookie, c.Persist = p.Cookie.Name, verdicts[told.Persist]
	}
	t.report.Backend = c
}

// algorithm is balance and hash-type as they were meant.
func algorithm(b *config.Balance) string {
	text := b.Algorithm.String()
	switch b.Algorithm {
	case config.URI:
		if b.URI.Len > 0 {
			text += fmt.Sprintf(" len %d", b.URI.Len)
		}
		if b.URI.Depth > 0 {
			text += fmt.Sprintf(" depth %d", b.URI.Depth)
		}
		if b.URI.Whole {
			text += " whole"
		}
	case config.URLParam:
		text += " " + b.Name
	case config.Hdr:
		text += "(" + b.Name + ")"
	case config.HashExpr:
		text += " " + b.Expr.Text()
	}
	if b.Algorithm.Hashes() {
		text += ", hash-type " + placement(b)
	}
	return text
}

// placement is the value of hash-type.
func placement(b *config.Balance) string {
	switch {
	case b.Jump:
		return "jump"
	case b.Consistent:
		return "consistent"
	}
	return "map-based"
}

// verdicts say what became of a client's cookie.
var verdicts = map[backend.PersistState]string{
	backend.PersistNone: "none", backend.PersistInvalid: "unknown", backend.PersistDown: "down",
	backend.PersistExpired: "expired", backend.PersistOld: "old", backend.PersistValid: "valid",
}

// key writes down what was hashed.
func (t *telling) key(c *Chosen, b *backend.Backend, x *rule.Ctx) {
	if !b.Config().Balance.Algorithm.Hashes() || c.ByCookie {
		return
	}
	args := backend.Args{Req: x.Req, Src: x.Src.Addr(), Ctx: x}
	if text, hash, ok := args.Key(&b.Config().Balance); ok {
		c.Key, c.Hash = text, hex(hash)
	} else {
		t.report.Notes = append(t.report.Notes, "the request has no key for balance "+b.Config().Balance.Algorithm.String()+": servers take turns")
	}
}
