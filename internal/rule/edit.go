package rule

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"bascule/internal/wire"
)

// head is the message that the rule set edits, or nil.
func (s Set) head(x *Ctx) *wire.Head {
	if s == HTTPResponse || s == HTTPAfterResponse {
		return replyFields(x)
	}
	if x.Req == nil {
		return nil
	}
	return &x.Req.Head
}

// A setHeader is set-header and add-header.
type setHeader struct {
	set     Set
	name    []byte
	value   *Format
	replace bool
}

func (e *setHeader) run(x *Ctx, _ *Outcome) bool {
	h := e.set.head(x)
	if h == nil {
		return false
	}
	v := e.value.eval(x) // before the deletion: it may look at this very field
	if e.replace {
		h.DeleteName(e.name)
	}
	h.Add(e.name, v)
	return false
}

func parseSetHeader(c *compiler) (op, error) { return c.header(true) }
func parseAddHeader(c *compiler) (op, error) { return c.header(false) }

func (c *compiler) header(replace bool) (op, error) {
	name, f, err := c.field()
	return &setHeader{c.set, []byte(name), f, replace}, err
}

// field reads the name of a field and the format of its value.
func (c *compiler) field() (name string, f *Format, err error) {
	words, ok := c.takeN(2)
	if !ok {
		return "", nil, errors.New("expects exactly 2 arguments")
	}
	if !isFieldName(words[0].Text) {
		c.bad = words[0]
		return "", nil, fmt.Errorf("'%s' is not a valid header name", words[0].Text)
	}
	f, err = c.format(words[1])
	return words[0].Text, f, err
}

// isFieldName says whether text is a token (RFC 9110 §5.6.2).
func isFieldName(text string) bool {
	for _, c := range []byte(text) {
		if !isAlnum(c) && !isOneOf(c, "!#$%&'*+-.^_`|~") {
			return false
		}
	}
	return text != ""
}

// A delHeader is del-header; names is nil when it is one exact name.
type delHeader struct {
	set   Set
	name  []byte
	names *patterns
}

func (e *delHeader) run(x *Ctx, _ *Outcome) bool {
	h := e.set.head(x)
	if h == nil {
		return false
	}
	if e.names == nil {
		h.DeleteName(e.name)
		return false
	}
	for i := range h.Fields {
		if f := &h.Fields[i]; !f.Deleted && e.matches(x, h.Name(f)) {
			h.Delete(i)
		}
	}
	return false
}

func (e *delHeader) matches(x *Ctx, name []byte) bool {
	x.Scratch = x.Scratch[:0]
	x.smp = Sample{Kind: KindStr, Bytes: lowered(x, name)}
	return e.names.match(x, &x.smp)
}

func parseDelHeader(c *compiler) (op, error) {
	words, ok := c.takeN(1)
	if !ok {
		return nil, errors.New("expects at least 1 argument")
	}
	name := words[0].Text
	e := &delHeader{set: c.set, name: []byte(name)}
	if !c.more() || c.rest()[0].Text != "-m" {
		return e, nil
	}
	c.used++
	if !c.more() {
		return nil, errors.New("-m flag expects exactly 1 argument")
	}
	method := c.take()
	kind, known := matchNames[method.Text]
	if !known || kind != matchStr && kind != matchBeg && kind != matchEnd && kind != matchSub && kind != matchReg {
		c.bad = method
		return nil, fmt.Errorf("-m with unsupported matching method '%s'", method.Text)
	}
	// names are looked at in lower case, as HAProxy keeps them; a regex sees that
	e.names = &patterns{kind: kind, fold: kind != matchReg}
	if err := e.names.add(name, "eq"); err != nil {
		c.bad = words[0]
		return nil, err
	}
	return e, nil
}

// A replaceField is replace-header (whole values) and replace-value (each
// element of the lists).
type replaceField struct {
	set      Set
	name     []byte
	re       *regexp.Regexp
	with     *Format
	elements bool
}

func (e *replaceField) run(x *Ctx, _ *Outcome) bool {
	h := e.set.head(x)
	if h == nil {
		return false
	}
	template := ""
	for i := h.Find(e.name, 0); i >= 0; i = h.Find(e.name, i+1) {
		v := h.Value(&h.Fields[i])
		if !e.elements && !e.re.Match(v) {
			continue
		}
		if template == "" {
			template = string(e.with.eval(x))
		}
		x.Scratch = x.Scratch[:0]
		changed := true
		if e.elements {
			changed = e.replaceElements(x, v, template)
		} else {
			x.Scratch = expand(x.Scratch, v, e.re.FindSubmatchIndex(v), template)
		}
		if changed {
			replaceValue(h, i, x.Scratch)
		}
	}
	return false
}

// replaceValue gives field i another value in its place: an added field takes it.
func replaceValue(h *wire.Head, i int, value []byte) {
	h.Add(h.Name(&h.Fields[i]), value)
	last := len(h.Fields) - 1
	f, added := &h.Fields[i], &h.Fields[last]
	f.Name, f.Value, f.Added = added.Name, added.Value, true
	h.Delete(last)
}

// replaceElements writes the list v to Scratch with its matching elements
// replaced; the blanks around those go.
func (e *replaceField) replaceElements(x *Ctx, v []byte, template string) (changed bool) {
	for {
		end := listEnd(v)
		word := bytes.Trim(v[:end], " \t")
		if loc := e.re.FindSubmatchIndex(word); loc != nil {
			x.Scratch = expand(x.Scratch, word, loc, template)
			changed = true
		} else {
			x.Scratch = append(x.Scratch, v[:end]...)
		}
		if end == len(v) {
			return changed
		}
		x.Scratch = append(x.Scratch, ',')
		v = v[end+1:]
	}
}

func parseReplaceHeader(c *compiler) (op, error) { return c.replaceField(false) }
func parseReplaceValue(c *compiler) (op, error)  { return c.replaceField(true) }

func (c *compiler) replaceField(elements bool) (op, error) {
	words, ok := c.takeN(3)
	if !ok {
		return nil, errors.New("expects exactly 3 arguments")
	}
	re, err := compileRegex(words[1].Text, false)
	if err != nil {
		c.bad = words[1]
		return nil, err
	}
	f, err := c.format(words[2])
	return &replaceField{c.set, []byte(words[0].Text), re, f, elements}, err
}

// A setStatus is set-status.
type setStatus struct {
	status int
	reason string
}

// run changes the status. A final reply cannot become an interim one, nor a
// switch of protocols something else: what follows would be misread.
func (e *setStatus) run(x *Ctx, out *Outcome) bool {
	if x.Res == nil {
		return false
	}
	if e.status < 200 || x.Res.Status < 200 {
		return out.cannotRewrite()
	}
	x.Res.SetStatus(e.status, e.reason)
	return false
}

func parseSetStatus(c *compiler) (op, error) {
	words, ok := c.takeN(1)
	if !ok {
		return nil, errors.New("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>")
	}
	n, err := strconv.Atoi(words[0].Text)
	if err != nil || n < 100 || n > 999 {
		c.bad = words[0]
		return nil, errors.New("expects an integer status code between 100 and 999")
	}
	e := &setStatus{n, Reason(n)}
	if len(c.rest()) >= 2 && c.rest()[0].Text == "reason" && c.rest()[1].Text != "" {
		e.reason = c.rest()[1].Text
		c.used += 2
	}
	return e, nil
}
