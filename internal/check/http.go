package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// replyMax is how much of a reply is looked at (HAProxy: tune.bufsize). What
// an expect looks for must be within it.
const replyMax = 16384

// limits of a reply's head: as a server's reply to a client.
var limits = wire.Limits{MaxHead: replyMax - 1024, MaxFields: 101}

// request is what option httpchk and http-check send say. Values lie in x only
// while one is made.
func request(c *config.CheckRequest, x *rule.Ctx, state string) []byte {
	method, uri, version := c.Method, c.URI, c.Version
	if method == "" {
		method = "OPTIONS"
	}
	if version == "" {
		version = "HTTP/1.0"
	}
	if c.URIFormat != nil {
		uri = oneLine(c.URIFormat.Append(nil, x))
	}
	if uri == "" {
		uri = "/"
	}
	body := c.Body
	if c.BodyFmt != nil {
		body = c.BodyFmt.Append(nil, x)
	}
	b := append([]byte(method), ' ')
	b = append(b, uri...)
	b = append(b, ' ')
	b = append(b, version...)
	b = append(b, "\r\n"...)
	usual, ends := "close", version == "HTTP/1.1" // what Connection says where it says nothing new
	if ends {
		usual = "keep-alive"
	}
	for _, h := range c.Headers {
		value := oneLine(h.Value.Append(nil, x))
		if strings.EqualFold(h.Name, "connection") {
			if ends = false; strings.EqualFold(value, usual) {
				continue
			}
		}
		b = fmt.Appendf(b, "%s: %s\r\n", strings.ToLower(h.Name), value)
	}
	if state != "" {
		b = fmt.Appendf(b, "x-haproxy-server-state: %s\r\n", state)
	}
	if len(body) > 0 {
		b = append(b, "content-length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	if ends {
		b = append(b, "connection: close\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, body...)
}

// oneLine takes line breaks out of what an expression made, so that it cannot
// end a header.
func oneLine(v []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return -1
		}
		return r
	}, string(v))
}

// method tells the parser whether the reply has a body.
func method(name string) wire.Method {
	if name == "HEAD" {
		return wire.MethodHead
	}
	return wire.MethodOther
}

// expectHTTP judges the reply, reading as much of it as that takes.
func (r *run) expectHTTP(e *config.Expect) (over bool) {
	for {
		switch r.reply.Parse(r.buf, &limits, r.method) {
		case wire.Bad:
			return r.failed(e, backend.CheckL7RSP, "", true)
		case wire.Done:
			r.seen = true
			r.x.Res = &r.reply
			r.code = r.reply.Status
			if over, sure := r.judge(e); sure {
				return over
			}
		default:
			if r.ended {
				return r.failed(e, backend.CheckL7RSP, "", true)
			}
		}
		if err := r.read(); err != nil {
			return r.broken(err)
		}
	}
}

// judge compares the reply with an expect; sure is false if more of it is
// needed. http-check disable-on-404 comes before all expects.
func (r *run) judge(e *config.Expect) (over, sure bool) {
	if r.spare404() {
		return false, true
	}
	found := false
	switch e.Kind {
	case "string", "rstring", "string-lf":
		return r.judgeBody(e)
	case "rstatus":
		found = e.Match([]byte(strconv.Itoa(r.code)))
	case "status":
		found = slices.ContainsFunc(e.Ranges, func(s [2]int) bool { return s[0] <= r.code && r.code <= s[1] })
	default:
		found = r.hasHeader(e)
	}
	if found == e.Not {
		return r.failed(e, backend.CheckL7STS, string(r.reply.Reason()), true), true
	}
	return false, true
}

// judgeBody looks for the expected text, as soon as it is there.
func (r *run) judgeBody(e *config.Expect) (over, sure bool) {
	body, whole := content(&r.reply, r.buf[r.reply.Size():])
	whole = whole || r.ended
	if len(body) == 0 {
		if !whole {
			return false, false
		}
		return r.failed(e, backend.CheckL7RSP, "HTTP content check could not find a response body", true), true
	}
	want := e.Data
	if e.Kind == "string-lf" {
		if want = e.Format.Append(nil, &r.x); len(want) == 0 {
			return r.failed(nil, backend.CheckL7RSP, "log-format string resolved to an empty string", true), true
		}
	}
	if !whole && (e.Match == nil && len(body) < len(want) || len(body) < e.MinRecv) {
		return false, false
	}
	found := false
	if e.Match != nil {
		found = e.Match(body)
	} else {
		found = bytes.Contains(body, want)
	}
	if !found && !whole && e.MinRecv == -1 {
		return false, false
	}
	switch {
	case found != e.Not:
		return false, true
	case e.Not:
		return r.failed(e, backend.CheckL7RSP, "HTTP check matched unwanted content", true), true
	}
	return r.failed(e, backend.CheckL7RSP, "HTTP content check did not match", true), true
}

// content is what has come of a reply's body, unframed, and whether that is all.
func content(p *wire.Reply, rest []byte) (body []byte, whole bool) {
	switch p.Body {
	case wire.BodyLength:
		n := min(p.Length, int64(len(rest)))
		return rest[:n], n == p.Length
	case wire.BodyChunked:
		var chunks wire.Chunks
		body, _, state := wire.Compact(&chunks, bytes.Clone(rest)) // the buffer is parsed again with the next read
		return body, state == wire.ChunkEnd || state == wire.ChunkBad
	case wire.BodyClose:
		return rest, false
	}
	return nil, true
}

// hasHeader looks for a header of that name and, if one is given, value. With
// hdr, a value is an element of a list; with fhdr it is the whole.
func (r *run) hasHeader(e *config.Expect) bool {
	name := r.pattern(&e.Name)
	for i := range r.reply.Fields {
		f := &r.reply.Fields[i]
		if !name(strings.ToLower(string(r.reply.Name(f)))) {
			continue
		}
		if e.Value == nil {
			return true
		}
		value := r.pattern(e.Value)
		whole := string(r.reply.Value(f))
		if e.Kind == "fhdr" {
			if value(whole) {
				return true
			}
			continue
		}
		for part := range strings.SplitSeq(whole, ",") {
			if value(strings.Trim(part, " \t")) {
				return true
			}
		}
	}
	return false
}

// pattern is the test that a name or a value must pass. Names are compared
// without case.
func (r *run) pattern(m *config.HeaderMatch) func(string) bool {
	want := m.Text
	if m.Format != nil {
		want = string(m.Format.Append(nil, &r.x))
	}
	if m == r.named {
		want = strings.ToLower(want)
	}
	switch m.How {
	case "beg":
		return func(s string) bool { return strings.HasPrefix(s, want) }
	case "end":
		return func(s string) bool { return strings.HasSuffix(s, want) }
	case "sub":
		return func(s string) bool { return strings.Contains(s, want) }
	case "reg":
		return func(s string) bool { return m.Match([]byte(s)) }
	}
	return func(s string) bool { return s == want }
}

// eof is the end of what a server sends.
func eof(err error) bool { return errors.Is(err, io.EOF) }
