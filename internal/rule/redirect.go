package rule

import (
	"errors"
	"fmt"

	"bascule/internal/lang"
	"bascule/internal/wire"
)

// A redirect is `redirect location|prefix|scheme`.
type redirect struct {
	kind        string
	to          *Format
	code        int
	dropQuery   bool
	appendSlash bool
	ignoreEmpty bool
	cookie      []byte // a complete line, or nil
}

func (r *redirect) run(x *Ctx, out *Outcome) bool {
	f := append(out.fields[:0], "Location: "...)
	at := len(f)
	f = r.appendTarget(f, x)
	if r.ignoreEmpty && len(f) == at {
		out.fields = f[:0]
		return false
	}
	f = append(f, "\r\n"...)
	if r.code == 302 || r.code == 303 || r.code == 307 {
		f = append(f, "Cache-Control: no-cache\r\n"...) // these are never to be remembered
	}
	f = append(f, r.cookie...)
	out.fields = f
	out.answer = Answer{Status: r.code, Reason: Reason(r.code), Fields: f}
	out.Verdict, out.Status, out.Answer = Redirect, r.code, &out.answer
	return true
}

func (r *redirect) appendTarget(dst []byte, x *Ctx) []byte {
	v := r.to.eval(x)
	if r.kind == "location" {
		return appendURI(dst, v)
	}
	if r.kind == "prefix" {
		if string(v) != "/" { // "prefix /" only drops the query
			dst = appendURI(dst, v)
		}
		return r.appendPath(dst, x)
	}
	dst = append(appendURI(dst, v), "://"...)
	if x.Req != nil {
		if i := x.Req.FindID(wire.FieldHost, 0); i >= 0 {
			dst = appendURI(dst, x.Req.Value(&x.Req.Fields[i]))
		}
	}
	return r.appendPath(dst, x)
}

func (r *redirect) appendPath(dst []byte, x *Ctx) []byte {
	p := []byte(nil)
	if x.Req != nil {
		if p = pathAndQuery(x.Req); r.dropQuery {
			p = x.Req.Path()
		}
	}
	if len(p) == 0 {
		return append(dst, '/')
	}
	dst = appendURI(dst, p)
	if r.dropQuery && r.appendSlash && dst[len(dst)-1] != '/' {
		dst = append(dst, '/')
	}
	return dst
}

// appendURI appends v with control bytes but the tab written as %XX, so that it
// cannot split the head.
func appendURI(dst, v []byte) []byte {
	for _, c := range v {
		if c < ' ' && c != '\t' || c == 0x7f {
			dst = AppendHex(append(dst, '%'), uint64(c), 2)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

const redirectWords = "'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'ignore-empty' or 'append-slash'"

func parseRedirect(c *compiler) (op, error) {
	r := &redirect{code: 302}
	for c.more() {
		if err := c.redirectArg(r, c.take()); err != nil {
			return nil, err
		}
	}
	if r.kind == "" {
		return nil, errors.New("redirection type expected ('prefix', 'location', or 'scheme')")
	}
	return r, nil
}

func (c *compiler) redirectArg(r *redirect, w lang.Word) (err error) {
	c.bad = w
	switch w.Text {
	case "drop-query":
		r.dropQuery = true
	case "append-slash":
		r.appendSlash = true
	case "ignore-empty":
		r.ignoreEmpty = true
	case "location", "prefix", "scheme", "set-cookie", "clear-cookie", "code":
		value := c.take()
		if value.Text == "" {
			return fmt.Errorf("missing argument for '%s'", w.Text)
		}
		c.bad = value
		err = c.redirectValue(r, w.Text, value)
	default:
		return fmt.Errorf("expects %s (was '%s')", redirectWords, w.Text)
	}
	if err == nil {
		c.bad = lang.Word{}
	}
	return err
}

func (c *compiler) redirectValue(r *redirect, name string, value lang.Word) (err error) {
	switch name {
	case "code":
		switch value.Text {
		case "301", "302", "303", "307", "308":
			r.code = int(leadingInt([]byte(value.Text)))
		default:
			return fmt.Errorf("'code': unsupported HTTP code '%s' (must be one of 301, 302, 303, 307 or 308)", value.Text)
		}
	case "set-cookie":
		r.cookie = appendField(nil, "Set-Cookie", []byte(value.Text+"; path=/;"))
	case "clear-cookie":
		r.cookie = appendField(nil, "Set-Cookie", []byte(value.Text+"; path=/; Max-Age=0;"))
	default:
		r.kind = name
		r.to, err = c.format(value)
	}
	return err
}
