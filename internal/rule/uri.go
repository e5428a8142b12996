package rule

import (
	"bytes"
	"errors"
	"regexp"

	"bascule/internal/wire"
)

// A setURI is set-path, set-pathq, set-query and set-uri.
type setURI struct {
	part  uriPart
	value *Format
}

type uriPart uint8

const (
	uriPath uriPart = iota
	uriPathq
	uriQuery
	uriAll
)

func (e *setURI) run(x *Ctx, _ *Outcome) bool {
	if x.Req != nil {
		setPart(x, e.part, e.value.eval(x))
	}
	return false
}

// setPart puts v in the place of a part of the target. Scheme and authority of
// an absolute form stay, except for uriAll.
func setPart(x *Ctx, part uriPart, v []byte) {
	if part == uriAll {
		x.Req.SetTarget(v)
		setAuthority(x.Req)
		return
	}
	before, path, query := targetParts(x.Req)
	at := len(x.Scratch) // v may lie in front of it
	out := append(x.Scratch[:at], before...)
	switch part {
	case uriPath:
		out = append(append(out, v...), query...)
	case uriPathq:
		out = append(out, v...)
	case uriQuery:
		out = append(out, path...)
		if len(v) > 0 {
			out = append(append(out, '?'), v...)
		}
	}
	x.Scratch = out
	x.Req.SetTarget(out[at:])
}

// setAuthority makes the Host field say what an absolute target says, since a
// server may believe either (RFC 9112 §3.2.2).
func setAuthority(r *wire.Request) {
	t := r.Target()
	i := bytes.Index(t, []byte("://"))
	if i <= 0 || t[0] == '/' {
		return
	}
	authority := t[i+3:]
	if end := bytes.IndexAny(authority, "/?"); end >= 0 {
		authority = authority[:end]
	}
	switch i := r.FindID(wire.FieldHost, 0); {
	case i >= 0:
		replaceValue(&r.Head, i, authority)
	default:
		r.Add([]byte("Host"), authority)
	}
}

// targetParts splits the target; query has its question mark. A target without
// path, such as *, counts as path.
func targetParts(r *wire.Request) (before, path, query []byte) {
	t := r.Target()
	path = r.Path()
	if q := r.Query(); q != nil {
		query = t[len(t)-len(q)-1:]
	}
	if len(path) == 0 {
		if len(query) == 0 {
			return nil, t, nil
		}
		return t[:len(t)-len(query)], nil, query
	}
	return t[:len(t)-len(query)-len(path)], path, query
}

func parseSetPath(c *compiler) (op, error)  { return c.uri(uriPath) }
func parseSetPathq(c *compiler) (op, error) { return c.uri(uriPathq) }
func parseSetQuery(c *compiler) (op, error) { return c.uri(uriQuery) }
func parseSetURI(c *compiler) (op, error)   { return c.uri(uriAll) }

func (c *compiler) uri(part uriPart) (op, error) {
	f, err := c.oneFormat()
	return &setURI{part, f}, err
}

func (c *compiler) oneFormat() (*Format, error) {
	if len(c.rest()) == 0 || c.rest()[0].Text == "" || startsCond(c.rest()[0].Text) {
		return nil, errors.New("expects exactly 1 argument <format>")
	}
	return c.format(c.take())
}

// A setMethod is set-method.
type setMethod struct{ value *Format }

func (e *setMethod) run(x *Ctx, out *Outcome) bool {
	if x.Req == nil {
		return false
	}
	v := e.value.eval(x)
	if len(v) == 0 || !isToken(v) {
		return out.cannotRewrite()
	}
	x.Req.SetMethod(v)
	return false
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !isAlnum(c) && !isOneOf(c, "!#$%&'*+-.^_`|~") {
			return false
		}
	}
	return true
}

// cannotRewrite ends the rules with a 500, as HAProxy does when a rewriting
// fails, unless strict-mode is off.
func (out *Outcome) cannotRewrite() bool {
	if out.Lenient {
		return false
	}
	out.Verdict, out.Status = Deny, 500
	return true
}

func parseSetMethod(c *compiler) (op, error) {
	f, err := c.oneFormat()
	return &setMethod{f}, err
}

// A replaceURI is replace-path, replace-pathq and replace-uri.
type replaceURI struct {
	part uriPart
	re   *regexp.Regexp
	with *Format
}

func (e *replaceURI) run(x *Ctx, _ *Outcome) bool {
	if x.Req == nil {
		return false
	}
	template := string(e.with.eval(x))
	var v []byte
	switch e.part {
	case uriPath:
		v = x.Req.Path()
	case uriPathq:
		v = pathAndQuery(x.Req)
	default:
		v = x.Req.Target()
	}
	if v == nil || !e.re.Match(v) {
		return false
	}
	x.Scratch = expand(x.Scratch[:0], v, e.re.FindSubmatchIndex(v), template)
	setPart(x, e.part, x.Scratch)
	return false
}

func parseReplacePath(c *compiler) (op, error)  { return c.replaceURI(uriPath) }
func parseReplacePathq(c *compiler) (op, error) { return c.replaceURI(uriPathq) }
func parseReplaceURI(c *compiler) (op, error)   { return c.replaceURI(uriAll) }

func (c *compiler) replaceURI(part uriPart) (op, error) {
	words, ok := c.takeN(2)
	if !ok || c.more() {
		return nil, errors.New("expects exactly 2 arguments <match-regex> and <replace-format>")
	}
	re, err := compileRegex(words[0].Text, false)
	if err != nil {
		c.bad = words[0]
		return nil, err
	}
	f, err := c.format(words[1])
	return &replaceURI{part, re, f}, err
}
