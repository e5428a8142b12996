package plane

import (
	"strings"
	"testing"
)

// early are requests that wait for a word before their body.
const expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

// TestRepliesBeforeTheFinalOne compares 100, 103 and what clients and servers
// make of Expect.
func TestRepliesBeforeTheFinalOne(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]*exchange{
		"a server that asks for the body": {
			server: func(p *peer) {
				h := p.head()
				p.send("HTTP/1.1 100 Continue\r\n\r\n")
				p.body(h)
				p.send(hello)
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(expecting)
				c.head()
				c.send("12345")
				c.reply("POST")
			},
		},
		"a server that answers at once": {
			server: func(p *peer) {
				p.head()
				p.send("HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(expecting)
				c.reply("POST")
				c.closeWrite()
				c.rest()
			},
			own: outcome{
				client: "HTTP/1.1 417 No\nconnection: close\ncontent-length: 2\n\nbody \"no\"\n\nEOF",
				log:    `fe be/s1 t/t/t/t/t 417 - - ---- 0 "POST / HTTP/1.1"`,
			},
		},
		"a client that does not wait": {
			server: replies("HTTP/1.1 100 Continue\r\n\r\n" + hello),
			client: asks(expecting + "12345"),
		},
		"hints, twice, and a processing": {
			server: replies("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n" + hello),
			client: asks(get("1.1"), get("1.1")),
		},
		"hints to a client of HTTP/1.0": {
			server: replies("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + hello),
			client: asks(get("1.0")),
			same:   func(s string) string { return meaning(withoutInterim(s)) },
		},
		"hints and then the end": {
			server: once("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
			client: asks(get("1.1")),
		},
		"a switch that nobody asked for": {
			server: once("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
			client: asks(get("1.1")),
		},
		"HEAD, 204 and 304": {
			server: func(p *peer) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
				p.head()
				p.send("HTTP/1.1 204 No Content\r\n\r\n")
				p.head()
				p.send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
				p.head()
				p.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n")
				p.head()
				p.send(hello)
				p.rest()
			},
			client: asks("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", get("1.1"), get("1.1"), get("1.1"), get("1.1")),
		},
		"trailers both ways": {
			server: func(p *peer) {
				p.request()
				p.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 2\r\n\r\n")
				p.rest()
			},
			client: asks("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
		},
		"WebSocket fields and Authorization pass byte for byte": {
			server: func(p *peer) {
				p.head()
				p.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n")
				p.exactly(5)
				p.send("world")
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Basic dTpw ==\r\n\r\n")
				c.head()
				c.send("hello")
				c.exactly(5)
				c.closeWrite()
				c.rest()
			},
			same: meaning,
		},
		"an upgrade that the server declines": {
			server: replies(hello),
			client: asks("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", get("1.1")),
			same:   meaning,
		},
		"CONNECT": {
			server: func(p *peer) {
				p.head()
				p.send("HTTP/1.1 200 OK\r\n\r\n")
				p.exactly(5)
				p.send("world")
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send("CONNECT a:8443 HTTP/1.1\r\nHost: a:8443\r\n\r\n")
				c.head()
				c.send("hello")
				c.exactly(5)
				c.closeWrite()
				c.rest()
			},
			same: meaning,
		},
		"CONNECT that the server refuses": {
			server: replies("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"),
			client: asks("CONNECT a:8443 HTTP/1.1\r\nHost: a:8443\r\n\r\n"),
			same:   meaning,
		},
		"absolute form and the asterisk": {
			server: replies(hello),
			client: asks("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
		},
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

// withoutInterim leaves out interim replies.
func withoutInterim(s string) string {
	var kept []string
	for _, part := range strings.Split(s, "\n\n") {
		if !strings.HasPrefix(part, "HTTP/1.1 103") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n\n")
}
