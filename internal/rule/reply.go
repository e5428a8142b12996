package rule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"bascule/internal/lang"
)

// A reply is deny, tarpit and return.
type reply struct {
	verdict Verdict
	status  int
	answer  *Answer // the same for all requests; nil: the error file or default of status
	hdrs    []replyHeader
	ctype   string
	text    []byte
	format  *Format // the body, when it has values
	dynamic bool    // made anew for each request
	section string  // the http-errors section that answers
}

type replyHeader struct {
	name  string
	value *Format
}

func (r *reply) run(x *Ctx, out *Outcome) bool {
	out.Verdict, out.Status, out.Answer = r.verdict, r.status, r.answer
	if r.answer != nil {
		out.Status = r.answer.Status
	}
	if r.dynamic {
		r.build(x, out)
	}
	return true
}

// build makes the answer in out's own memory.
func (r *reply) build(x *Ctx, out *Outcome) {
	out.fields = out.fields[:0]
	for i := range r.hdrs {
		out.fields = appendField(out.fields, r.hdrs[i].name, r.hdrs[i].value.eval(x))
	}
	body := r.text
	if r.format != nil {
		out.body = append(out.body[:0], r.format.eval(x)...)
		body = out.body
	}
	if r.ctype != "" && len(body) > 0 {
		out.fields = appendField(out.fields, "Content-Type", r.ctype)
	}
	out.answer = Answer{Status: r.status, Reason: Reason(r.status), Fields: out.fields, Body: body}
	out.Answer = &out.answer
}

// appendField appends a header line; control bytes of the value become blanks,
// so that a value cannot split the head (RFC 9110 §5.5).
func appendField[T []byte | string](dst []byte, name string, value T) []byte {
	dst = append(append(dst, name...), ": "...)
	at := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[at:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			dst[at+i] = ' '
		}
	}
	return append(dst, "\r\n"...)
}

func parseDeny(c *compiler) (op, error) {
	if c.set == HTTPResponse {
		return c.reply(Deny, 502)
	}
	return c.reply(Deny, 403)
}

func parseTarpit(c *compiler) (op, error) { return c.reply(Tarpit, 500) }
func parseReturn(c *compiler) (op, error) { return c.reply(Return, 200) }

// replyWords holds what the arguments of one reply said.
type replyWords struct {
	ctype   lang.Word
	payload string // which argument gave the body
	hdr     lang.Word
	answer  *Answer
	section lang.Word
}

// reply reads the arguments that deny, tarpit and return share.
func (c *compiler) reply(v Verdict, status int) (op, error) {
	r := &reply{verdict: v, status: status}
	var said replyWords
	for c.more() {
		w := c.rest()[0]
		known, err := c.replyArg(r, &said, w)
		if err != nil {
			if c.bad == (lang.Word{}) {
				c.bad = w
			}
			return nil, err
		}
		if !known {
			break
		}
	}
	return r, c.settleReply(r, &said)
}

// replyArg reads one argument; known is false when it is none of a reply's.
func (c *compiler) replyArg(r *reply, said *replyWords, w lang.Word) (known bool, err error) {
	switch w.Text {
	case "status", "deny_status":
		c.used++
		code := c.take()
		if code.Text == "" {
			return true, errors.New("'status' expects <status_code> as argument")
		}
		n, _ := strconv.Atoi(code.Text)
		if n < 200 || n > 599 {
			c.bad = code
			return true, fmt.Errorf("Unexpected status code '%d'", n)
		}
		r.status = n
	case "content-type":
		c.used++
		if said.ctype = c.take(); said.ctype.Text == "" {
			return true, errors.New("'content-type' expects <ctype> as argument")
		}
		r.ctype = said.ctype.Text
	case "hdr":
		c.used++
		words, ok := c.takeN(2)
		if !ok || startsCond(words[0].Text) {
			return true, errors.New("'hdr' expects <name> and <value> as arguments")
		}
		if !isFieldName(words[0].Text) {
			c.bad = words[0]
			return true, fmt.Errorf("'%s' is not a valid header name", words[0].Text)
		}
		f, err := c.format(words[1])
		if err != nil {
			return true, err
		}
		said.hdr = w
		r.hdrs = append(r.hdrs, replyHeader{words[0].Text, f})
	case "default-errorfiles", "errorfile", "errorfiles", "string", "lf-string", "file", "lf-file":
		return true, c.payload(r, said, w)
	default:
		return false, nil
	}
	return true, nil
}

var replyPayloads = map[string]string{"errorfile": "<fmt>", "errorfiles": "<name>", "string": "<str>",
	"lf-string": "<fmt>", "file": "<file>", "lf-file": "<file>"}

func (c *compiler) payload(r *reply, said *replyWords, w lang.Word) error {
	c.used++
	if said.payload != "" {
		return fmt.Errorf("unexpected '%s' argument, '%s' already defined", w.Text, said.payload)
	}
	said.payload = w.Text
	if w.Text == "default-errorfiles" {
		return nil
	}
	value := c.take()
	if value.Text == "" {
		return fmt.Errorf("'%s' expects %s as argument", w.Text, replyPayloads[w.Text])
	}
	c.bad = value
	text := value.Text
	if w.Text == "file" || w.Text == "lf-file" || w.Text == "errorfile" {
		data, err := c.readFile(text)
		if err != nil {
			return err
		}
		text = string(data)
	}
	var err error
	switch w.Text {
	case "string", "file":
		r.text = []byte(text)
	case "lf-string", "lf-file":
		if r.format, err = parseFormat(text, c.at); err == nil && r.format.pieces == nil {
			r.text, r.format = r.format.constant, nil
		}
	case "errorfile":
		if said.answer, err = ParseErrorFile([]byte(text)); err != nil {
			err = fmt.Errorf("'%s': %w", value.Text, err)
		}
	case "errorfiles":
		said.section = value
	}
	if err == nil {
		c.bad = lang.Word{}
	}
	return err
}

func (c *compiler) readFile(path string) ([]byte, error) {
	if c.env.ReadFile != nil {
		if data, err := c.env.ReadFile(path); err == nil {
			return data, nil
		}
	}
	return nil, fmt.Errorf("error opening file '%s'", path)
}

// settleReply checks how the arguments go together.
func (c *compiler) settleReply(r *reply, said *replyWords) error {
	plain := said.payload == "" && len(r.hdrs) == 0 && r.verdict != Return
	switch {
	case said.payload == "errorfile":
		r.answer = said.answer
		c.ignored(said, "when used with an erorrfile")
		return nil
	case said.payload == "errorfiles":
		c.ignored(said, "because neither errorfile nor payload defined")
		if !slices.Contains(DefaultStatuses, r.status) {
			return fmt.Errorf("status code '%d' not handled by default with 'errorfiles' argument", r.status)
		}
		r.section = said.section.Text
		if lib := c.at.lib; lib != nil {
			lib.Replies = append(lib.Replies, ErrorRef{r.section, r.status, lib.Proxy, said.section, r})
		}
		return nil
	case said.payload == "default-errorfiles" || plain:
		c.ignored(said, "because neither errorfile nor payload defined")
		if !slices.Contains(DefaultStatuses, r.status) {
			return fmt.Errorf("status code '%d' not handled by default with 'default-errorfiles' argument", r.status)
		}
		return nil
	case r.format != nil || said.payload == "lf-string" || said.payload == "lf-file":
		if r.ctype == "" {
			return errors.New("a content type must be defined with a log-format payload")
		}
	case len(r.text) > 0 && r.ctype == "":
		return errors.New("a content type must be defined when non-empty payload is configured")
	}
	if (r.status == 204 || r.status == 304) && (r.format != nil || len(r.text) > 0) {
		return fmt.Errorf("No body expected for %d responses", r.status)
	}
	if said.payload == "" && r.ctype != "" {
		c.p.Warnf(said.ctype, "content-type '%s' ignored by the http reply because neither errorfile nor payload defined.", r.ctype)
		r.ctype = ""
	}
	r.freeze()
	return nil
}

// ignored warns of arguments that an error file leaves without effect.
func (c *compiler) ignored(said *replyWords, why string) {
	if said.ctype.Text != "" {
		c.p.Warnf(said.ctype, "content-type '%s' ignored by the http reply %s.", said.ctype.Text, why)
	}
	if said.hdr.Text != "" {
		c.p.Warnf(said.hdr, "hdr parameters ignored by the http reply %s.", why)
	}
}

// freeze makes the answer now when nothing in it has values.
func (r *reply) freeze() {
	r.dynamic = r.format != nil
	for _, h := range r.hdrs {
		r.dynamic = r.dynamic || h.value.pieces != nil
	}
	if r.dynamic {
		return
	}
	var out Outcome
	r.build(&Ctx{}, &out)
	r.answer = out.Answer
}
