package rule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"bascule/internal/lang"
)

// An ErrorRef is an answer of a rule that an http-errors section holds; it is
// put in when all is read.
type ErrorRef struct {
	Section string
	Status  int
	Proxy   string
	At      lang.Word
	reply   *reply
}

// Set gives the rule its answer; nil: the default of its status.
func (r *ErrorRef) Set(a *Answer) { r.reply.answer = a }

// ParseErrorReply reads the arguments of http-error: a status and an answer for
// it. It gives nil after adding a problem to p.
func ParseErrorReply(words []lang.Word, env *ParseEnv, p *lang.Problems) (status int, a *Answer) {
	c := &compiler{set: HTTPRequest, name: "http-error", words: words, env: env, p: p,
		at: place{set: HTTPRequest, front: env.Front, back: env.Back, lib: env.library()}}
	a, status, err := c.errorReply()
	if err != nil {
		if c.bad == (lang.Word{}) {
			c.bad = at(words)
		}
		p.Alertf(c.bad, "http-error : %v.", err)
		hint(p, err)
		return 0, nil
	}
	return status, a
}

func (c *compiler) errorReply() (*Answer, int, error) {
	if len(c.words) == 0 || c.words[0].Text != "status" {
		return nil, 0, errors.New("expects at least a <status> as arguments")
	}
	if len(c.words) > 1 {
		n, err := strconv.Atoi(c.words[1].Text)
		if err == nil && n >= 200 && n <= 599 && !slices.Contains(DefaultStatuses, n) {
			c.bad = c.words[1]
			return nil, 0, fmt.Errorf("status code '%d' not handled", n)
		}
	}
	made, err := c.reply(Return, 0)
	if err != nil {
		return nil, 0, err
	}
	if c.used < len(c.words) {
		c.bad = c.words[c.used]
		return nil, 0, fmt.Errorf("unknown keyword '%s'", c.bad.Text)
	}
	r, ok := made.(*reply)
	switch {
	case !ok:
		return nil, 0, errors.New("expects an answer")
	case r.section != "":
		return nil, 0, errors.New("use errorfiles for what an http-errors section holds")
	case r.dynamic:
		return &Answer{Status: r.status, Make: r}, r.status, nil
	case r.answer == nil:
		return DefaultAnswer(r.status), r.status, nil
	}
	return r.answer, r.status, nil
}

// Build makes the answer for this request, in out's memory.
func (r *reply) Build(x *Ctx, out *Outcome) *Answer {
	x.Scratch = x.Scratch[:0]
	r.build(x, out)
	return out.Answer
}
