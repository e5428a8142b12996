package check

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/wire"
)

// replyMax is how much of a reply is looked at (HAProxy: tune.bufsize). What
// http-check expect string looks for must be within it.
const replyMax = 16384

// limits of a reply's head: as a server's reply to a client.
var limits = wire.Limits{MaxHead: replyMax - 1024, MaxFields: 101}

// request is what option httpchk and http-check send.
func request(c *config.Check) []byte {
	method, uri := c.Method, c.URI
	if method == "" {
		method = "OPTIONS"
	}
	if uri == "" {
		uri = "/"
	}
	b := append([]byte(method), ' ')
	b = append(b, uri...)
	b = append(b, " HTTP/1."...)
	b = strconv.AppendInt(b, int64(c.Minor), 10)
	b = append(b, "\r\n"...)
	b = append(b, c.Fields...)
	if len(c.Body) > 0 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(c.Body)), 10)
		b = append(b, "\r\n"...)
	}
	if c.Minor > 0 {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, c.Body...)
}

// askHTTP sends the request and judges the reply. The connection's deadline is
// set.
func askHTTP(conn net.Conn, px *config.Proxy, down bool) backend.Result {
	if _, err := conn.Write(request(&px.Check)); err != nil {
		return broken(err)
	}
	var p wire.Reply
	buf := make([]byte, 0, replyMax)
	for {
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := errors.Is(err, io.EOF) || len(buf) == cap(buf)
		switch p.Parse(buf, &limits, method(px.Check.Method)) {
		case wire.Bad:
			return backend.Result{Status: backend.CheckL7RSP}
		case wire.Done:
			if r, sure := judge(&p, buf, &px.Check, last, down); sure {
				return r
			}
		}
		switch {
		case err == nil && !last:
		case err == nil || errors.Is(err, io.EOF):
			return backend.Result{Status: backend.CheckL7RSP}
		default:
			return broken(err)
		}
	}
}

// broken is the result of an established connection that failed.
func broken(err error) backend.Result {
	if timedOut(err) {
		return backend.Result{Status: backend.CheckL7TOUT}
	}
	return backend.Result{Status: backend.CheckSOCKERR, Info: text(err)}
}

// method tells the parser whether the reply has a body.
func method(name string) wire.Method {
	if name == "HEAD" {
		return wire.MethodHead
	}
	return wire.MethodOther
}

// judge compares a reply with http-check expect. last says that no more of it
// will come; sure is false if more is needed.
func judge(p *wire.Reply, buf []byte, c *config.Check, last, down bool) (r backend.Result, sure bool) {
	r = backend.Result{Status: backend.CheckL7OK, Code: p.Status}
	if c.DisableOn404 && p.Status == 404 && !down {
		r.Status = backend.CheckL7OKC
		return r, true
	}
	e := &c.Expect
	switch e.Kind {
	case "string", "rstring":
		return judgeBody(p, buf, e, r, last)
	case "rstatus":
		sure = e.Match([]byte(strconv.Itoa(p.Status)))
	case "status":
		for _, span := range e.Ranges {
			sure = sure || span[0] <= p.Status && p.Status <= span[1]
		}
	default:
		sure = p.Status >= 200 && p.Status <= 399
	}
	if sure == e.Not {
		r.Status, r.Info = backend.CheckL7STS, string(p.Reason())
	}
	return r, true
}

// judgeBody looks for the expected text, as soon as it is there.
func judgeBody(p *wire.Reply, buf []byte, e *config.Expect, r backend.Result, last bool) (backend.Result, bool) {
	body, whole := content(p, buf[p.Size():])
	found := false
	if e.Kind == "string" {
		found = bytes.Contains(body, []byte(e.Text))
	} else {
		found = e.Match(body)
	}
	if found && !e.Not {
		return r, true
	}
	if !whole && !last {
		return r, false
	}
	bad := backend.Result{Status: backend.CheckL7RSP}
	switch {
	case len(body) == 0:
		bad.Info = "HTTP content check could not find a response body"
	case e.Not && found:
		bad.Info = "HTTP check matched unwanted content"
	case e.Not:
		return r, true
	default:
		bad.Info = "HTTP content check did not match"
	}
	return bad, true
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
