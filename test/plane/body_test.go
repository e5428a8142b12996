package plane

import (
	"strings"
	"testing"
)

// TestBodiesThatDoNotGoAsPlanned compares early replies, half-closed and
// broken uploads and replies.
func TestBodiesThatDoNotGoAsPlanned(t *testing.T) {
	t.Parallel()
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
	for name, x := range map[string]*exchange{
		"a reply before the body has come": {
			server: func(p *peer) {
				p.head()
				p.send(hello)
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(post + "12345")
				c.reply("POST")
				c.send("67890")
				c.closeWrite()
				c.rest()
			},
			own: outcome{
				client: "HTTP/1.1 200 OK\nconnection: close\ncontent-length: 5\n\nbody \"hello\"\n\nEOF",
				server: "POST / HTTP/1.1\ncontent-length: 10\nhost: a\n\nrest \"12345\"",
			},
		},
		"a reply that closes before the body has come": {
			server: func(p *peer) {
				p.head()
				p.exactly(5) // what is not read would be a reset
				p.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(post + "12345")
				c.reply("POST")
				c.closeWrite()
				c.rest()
			},
			own: outcome{
				client: "HTTP/1.1 413 Too Large\nconnection: close\ncontent-length: 2\n\nbody \"no\"\n\nEOF",
				log:    `fe be/s1 t/t/t/t/t 413 - - ---- 0 "POST / HTTP/1.1"`,
			},
		},
		"a client that half-closes behind its request": {
			server: func(p *peer) {
				p.request()
				p.send(hello)
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(post + "1234567890")
				c.closeWrite()
				c.reply("POST")
				c.rest()
			},
		},
		"a client that half-closes in its body": {
			server: func(p *peer) {
				h := p.head()
				p.body(h)
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(post + "12345")
				w.heads(1)
				c.closeWrite()
				c.rest()
			},
			logs: 1,
		},
		"a client that resets in its body": {
			server: func(p *peer) {
				h := p.head()
				p.body(h)
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(post + "12345")
				w.heads(1)
				c.reset()
			},
			logs: 1,
		},
		"a chunked body that lies": {
			server: func(p *peer) {
				h := p.head()
				p.body(h)
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
				w.heads(1)
				c.send("zz\r\n")
				c.reply("POST")
				c.rest()
			},
		},
		"a reply that is cut": {
			server: once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
			client: asks(get("1.1")),
		},
		"chunks that are cut": {
			server: once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
			client: asks(get("1.1")),
		},
		"half a head": {
			server: once("HTTP/1.1 200 OK\r\nContent-Le"),
			client: asks(post + "1234567890"),
		},
		"no HTTP": {
			server: once("hello\r\n\r\n"),
			client: asks(get("1.1")),
		},
		"no reply": {
			server: func(p *peer) { p.request() },
			client: asks(post + "1234567890"),
		},
		"a client that leaves in the middle of a reply": {
			server: func(p *peer) {
				p.request()
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nhello")
				for {
					p.send(strings.Repeat("x", 100000))
				}
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(get("1.1"))
				c.head()
				c.reset()
			},
		},
		"more than the reply": {
			server: once(hello + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"),
			client: asks(get("1.1"), get("1.1")),
		},
		"nobody listens": {
			servers: []func(*peer){nil},
			back:    "retries 0",
			client:  asks(get("1.1")),
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
