package plane

import (
	"strings"
	"testing"
)

// anyEnd hides how a body without a length is ended: bascule sends chunks.
func anyEnd(s string) string {
	return strings.NewReplacer("connection: close\n", "", "transfer-encoding: chunked\n", "", `chunks "hello" trailers ""`, `rest "hello"`).Replace(s)
}

// TestRulesThatWaitForTheReply compares http-response wait-for-body: bodies
// that come whole, in parts, too large, never, and with ends in between.
func TestRulesThatWaitForTheReply(t *testing.T) {
	t.Parallel()
	const wait = "http-response wait-for-body time 20s\n"
	const tell = "http-response set-header X-Body \"%[res.body]/%[res.body_len]/%[res.body_size]\"\n"
	inParts := func(parts ...string) func(*peer) {
		return func(p *peer) {
			p.request()
			for i, part := range parts {
				if i > 0 {
					p.later(30)
				}
				p.send(part)
			}
			p.hold()
		}
	}
	const ten = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	// Nothing of the reply was passed on, so that the client hears the truth;
	// haproxy passes on what it has and breaks off.
	lost := outcome{
		client: "HTTP/1.1 502 Bad Gateway\ncache-control: no-cache\ncontent-length: N\ncontent-type: text/html\n\nbody PAGE\n\nEOF",
		log:    `fe be/s1 t/t/t/-1/t 502 - - SH-- 0 "GET / HTTP/1.1"`,
	}
	// The server was waited for; haproxy says sR, as if the client were.
	late := outcome{log: `fe be/s1 t/t/t/-1/t 504 - - sH-- 0 "GET / HTTP/1.1"`}
	begun := make(chan struct{}, 1) // the client has the reply's head
	for name, x := range map[string]*exchange{
		"a body with a length": {back: wait + tell, server: inParts(ten, "hello", "world"), client: asks(get("1.1"))},
		"a body in chunks":     {back: wait + tell, server: inParts(chunked, "5\r\nhello\r\n", "5\r\nworld\r\n", "0\r\n\r\n"), client: asks(get("1.1"))},
		"in the frontend":      {front: wait + tell, server: inParts(ten, "hello", "world"), client: asks(get("1.1"))},
		"in both":              {front: wait + tell, back: wait + tell, server: inParts(ten, "hello", "world"), client: asks(get("1.1"))},
		"no body":              {back: wait + tell, server: inParts("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), client: asks(get("1.1"))},
		"HEAD":                 {back: wait + tell, server: inParts(ten), client: asks("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")},
		"204":                  {back: wait + tell, server: inParts("HTTP/1.1 204 None\r\n\r\n"), client: asks(get("1.1"))},
		"until the end":        {back: wait + tell, server: once("HTTP/1.1 200 OK\r\n\r\nhello"), client: asks(get("1.1")), same: anyEnd},
		"so many bytes": {back: "http-response wait-for-body time 20s at-least 4\n" + tell, server: func(p *peer) {
			p.request()
			p.send(ten + "hello")
			select {
			case <-begun:
			case <-p.gone:
			}
			p.send("world")
			p.hold()
		}, client: func(_ *world, dial func() *peer) {
			c := dial()
			c.send(get("1.1"))
			h := c.head()
			begun <- struct{}{}
			c.body(h)
			c.closeWrite()
			c.rest()
		}},
		"more than a buffer":      {back: "http-response wait-for-body time 20s\nhttp-response set-header X-Much yes if { res.body_len ge 10000 }\n", server: inParts("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n"+strings.Repeat("x", 10000), strings.Repeat("y", 10000), strings.Repeat("z", 20000)), client: asks(get("1.1"))},
		"denied for its body":     {back: wait + "http-response deny if { res.body -m sub world }\n", server: inParts(ten, "hello", "world"), client: asks(get("1.1"))},
		"an end within the body":  {back: wait + tell, server: once(ten + "hello"), client: asks(get("1.1")), own: lost},
		"an end within the chunk": {back: wait + tell, server: once(chunked + "5\r\nhel"), client: asks(get("1.1")), own: lost},
		"chunks that lie":         {back: wait + tell, server: inParts(chunked, "5\r\nhello\r\n", "zz\r\n"), client: asks(get("1.1"))},
		"a body that takes too long": {back: "http-response wait-for-body time 2s\n" + tell, server: func(p *peer) {
			p.request()
			p.send(ten + "hello")
			p.hold()
		}, client: asks(get("1.1")), own: late},
		"a server that takes too long": {back: "http-response wait-for-body time 30s\ntimeout server 4s\n" + tell, server: func(p *peer) {
			p.request()
			p.send(ten + "hello")
			p.hold()
		}, client: asks(get("1.1")), own: late},
		"a client that leaves": {back: "http-response wait-for-body time 15s\n" + tell, server: func(p *peer) {
			p.request()
			p.send(ten + "hello")
			taken(p.t, p.conn)
			p.note("half a reply")
			p.hold()
		}, client: func(w *world, dial func() *peer) {
			c := dial()
			c.send(get("1.1"))
			w.heads(2)
			c.reset()
		}, logs: 1, own: outcome{log: `fe be/s1 t/t/t/-1/t -1 - - CD-- 0 "GET / HTTP/1.1"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if x.same == nil {
				x.same = ownTexts
			}
			compare(t, x)
		})
	}
}
