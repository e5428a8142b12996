package plane

import (
	"strings"
	"testing"
	"time"
)

// heads waits until so many heads have come to the servers.
func (w *world) heads(n int) {
	w.t.Helper()
	w.Await("heads at the server", func() bool {
		k := 0
		for _, p := range w.conns() {
			k += len(p.noted())
		}
		return k >= n
	})
}

// silent reads requests and never answers.
func silent(p *peer) {
	for {
		p.request()
	}
}

// TestTimeouts compares what fires, the status, and the termination code.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	post := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
	// half sends a part of a body, and waits for what the proxy says of it.
	half := func(w *world, dial func() *peer) {
		c := dial()
		c.send(post + "12345")
		w.heads(1)
		c.reply("POST")
		c.rest()
	}
	for name, x := range map[string]*exchange{
		"http-request, nothing sent": {
			defaults: "timeout http-request 4s",
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.reply("GET")
				c.rest()
			},
			logs: 1,
		},
		"http-request, half a head": {
			defaults: "timeout http-request 4s",
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send("GET / HTTP/1.1\r\nHo")
				c.reply("GET")
				c.rest()
			},
		},
		"client, nothing sent": {
			defaults: "timeout client 4s",
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.reply("GET")
				c.rest()
			},
			logs: 1,
		},
		"client, half a head": {
			defaults: "timeout client 4s",
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send("GET / HTTP/1.1\r\nHo")
				c.reply("GET")
				c.rest()
			},
		},
		"http-request, half of a second head": {
			defaults: "timeout http-request 4s",
			server:   replies(hello),
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(get("1.1"))
				c.reply("GET")
				c.send("GET / HTTP/1.1\r\nHo")
				c.reply("GET")
				c.rest()
			},
		},
		"http-keep-alive": {
			defaults: "timeout http-keep-alive 800ms",
			server:   replies(hello),
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(get("1.1"))
				c.reply("GET")
				c.rest()
			},
		},
		"http-request in place of http-keep-alive": {
			defaults: "timeout http-request 4s",
			server:   replies(hello),
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(get("1.1"))
				c.reply("GET")
				c.rest()
			},
		},
		"server, no reply": {
			defaults: "timeout server 4s",
			server:   silent,
			client:   asks(get("1.1")),
		},
		"server, half a head": {
			defaults: "timeout server 4s",
			server: func(p *peer) {
				p.request()
				p.send("HTTP/1.1 200 OK\r\nConte")
				p.rest()
			},
			client: asks(get("1.1")),
		},
		"server, half a body": {
			defaults: "timeout server 4s",
			server: func(p *peer) {
				p.request()
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
				p.rest()
			},
			client: asks(get("1.1")),
		},
		"server, only an interim reply": {
			defaults: "timeout server 4s",
			server: func(p *peer) {
				p.request()
				p.send("HTTP/1.1 103 Early Hints\r\n\r\n")
				p.rest()
			},
			client: asks(get("1.1")),
		},
		"client, half a body": {
			defaults: "timeout client 4s\ntimeout server 9s",
			server:   func(p *peer) { p.head(); p.rest() },
			client:   half,
			own:      lateBody,
		},
		"server, half a body of the client's": {
			defaults: "timeout server 4s",
			server:   func(p *peer) { p.head(); p.rest() },
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(post + "12345")
				w.heads(1)
				c.send("67890")
				c.reply("POST")
				c.rest()
			},
		},
		"a slow upload that outlasts timeout server": {
			defaults: "timeout server 4s",
			server:   replies(hello),
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(post + "12345")
				w.Await("a connection", func() bool { return len(w.conns()) == 1 })
				began := time.Now()
				w.Await("more than twice the server's time", func() bool { return time.Since(began) > 10*time.Second })
				c.send("67890")
				c.reply("POST")
			},
			own: outcome{
				client: "HTTP/1.1 200 OK\ncontent-length: 5\n\nbody \"hello\"",
				server: "POST / HTTP/1.1\ncontent-length: 10\nhost: a\n\nbody \"1234567890\"",
				log:    `fe be/s1 t/t/t/t/t 200 - - ---- 0 "POST / HTTP/1.1"`,
			},
		},
		"both, half a body": {
			defaults: "timeout client 4s\ntimeout server 4s",
			server:   func(p *peer) { p.head(); p.rest() },
			client:   half,
			own:      lateBody,
		},
		"http-request, half a body": {
			defaults: "timeout http-request 3s\ntimeout client 6s\ntimeout server 12s",
			server:   func(p *peer) { p.head(); p.rest() },
			client:   half,
			own:      lateBody,
		},
		"client, a reply that it does not read": {
			defaults: "timeout client 4s",
			server: func(p *peer) {
				p.request()
				p.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
				for {
					p.send(strings.Repeat("x", 1<<20))
				}
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(get("1.1"))
				c.head()
				w.lines(1)
			},
			logs: -1,
		},
		"server, an upload that it does not read": {
			defaults: "timeout server 4s",
			server: func(p *peer) {
				p.head()
				p.hold()
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
				sent := make(chan struct{})
				go func() { // ends with the connection
					defer close(sent)
					defer func() { _ = recover() }()
					for range 100 {
						c.send(strings.Repeat("x", 1e6))
					}
				}()
				w.lines(1)
				c.conn.Close()
				<-sent
			},
			logs: -1,
			own:  outcome{log: `fe be/s1 t/t/t/-1/t 504 - - sH-- 0 "POST / HTTP/1.1"`},
			// Busy enough, haproxy has not yet tried to send more when the time is up.
			nowAndThen: true,
		},
		"queue": {
			defaults: "timeout queue 800ms",
			options:  "maxconn 1",
			server:   func(p *peer) { p.head(); p.rest() },
			client: func(w *world, dial func() *peer) {
				a := dial()
				a.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
				w.heads(1)
				b := dial()
				b.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
				b.reply("GET")
			},
			logs: 2,
		},
		"connect in place of queue": {
			defaults: "timeout connect 4s",
			options:  "maxconn 1",
			server:   func(p *peer) { p.head(); p.rest() },
			client: func(w *world, dial func() *peer) {
				a := dial()
				a.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
				w.heads(1)
				b := dial()
				b.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
				b.reply("GET")
			},
			logs: 2,
		},
		"server-fin, of a server that does not end": {
			defaults: "timeout tunnel 16s\ntimeout server-fin 800ms",
			server: func(p *peer) {
				p.head()
				p.send(switching)
				p.hold()
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(upgrade)
				c.head()
				c.closeWrite()
				c.rest()
			},
		},
		"client-fin, of a client that does not end": {
			defaults: "timeout tunnel 16s\ntimeout client-fin 800ms",
			server: func(p *peer) {
				p.head()
				p.send(switching)
				p.closeWrite()
				p.hold()
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(upgrade)
				c.head()
				w.lines(1)
			},
			logs: -1,
			own:  outcome{log: `fe be/s1 t/t/t/t/t 101 - - cD-- 0 "GET /chat HTTP/1.1"`}, // haproxy ends both sides with the server's
		},
		"a server that ends its side and reads on": {
			defaults: "timeout tunnel 16s",
			server: func(p *peer) {
				p.head()
				p.send(switching)
				p.closeWrite()
				p.rest()
			},
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(upgrade)
				c.head()
				w.Await("the end", func() bool { _, err := c.r.Peek(1); return err != nil })
				c.send("more")
				c.closeWrite()
				c.rest()
			},
			own: outcome{server: "GET /chat HTTP/1.1\nconnection: Upgrade\nhost: a\nupgrade: echo\n\nrest \"more\""},
		},
		"tarpit": {
			defaults: "timeout tarpit 800ms",
			front:    "http-request tarpit if TRUE",
			client:   asks(get("1.1")),
		},
		"connect in place of tarpit": {
			defaults: "timeout connect 800ms",
			front:    "http-request tarpit deny_status 403 if TRUE",
			client:   asks(get("1.1")),
		},
		"a client that leaves its tarpit": {
			defaults: "timeout tarpit 5s",
			front:    "http-request tarpit if TRUE",
			client: func(w *world, dial func() *peer) {
				c := dial()
				c.send(get("1.1"))
				taken(w.t, c.conn)
				c.reset()
			},
			logs: 1,
			own:  outcome{log: `fe fe/<NOSRV> -1/t/-1/-1/t 500 - - CR-- 0 "GET / HTTP/1.1"`}, // haproxy does not notice
		},
		"tunnel": {
			defaults: "timeout tunnel 6s\ntimeout client 4s\ntimeout server 4s",
			server: func(p *peer) {
				p.head()
				p.send(switching)
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(upgrade)
				c.head()
				c.rest()
			},
		},
		"server, in a tunnel": {
			defaults: "timeout client 12s\ntimeout server 4s",
			server: func(p *peer) {
				p.head()
				p.send(switching)
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(upgrade)
				c.head()
				c.rest()
			},
		},
		"client, in a tunnel": {
			defaults: "timeout client 4s\ntimeout server 12s",
			server: func(p *peer) {
				p.head()
				p.send(switching)
				p.rest()
			},
			client: func(_ *world, dial func() *peer) {
				c := dial()
				c.send(upgrade)
				c.head()
				c.rest()
			},
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

const (
	upgrade   = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
)

// lateBody is a client that stops in the middle of its body. It is the one that
// is late, and is told so; haproxy waits for the server, which waits for the
// client too, and says 504.
var lateBody = outcome{
	client: "HTTP/1.1 408 Request Time-out\ncache-control: no-cache\nconnection: close\ncontent-length: N\ncontent-type: text/html\n\nbody PAGE\n\nEOF",
	log:    `fe be/s1 t/t/t/-1/t 408 - - cD-- 0 "POST / HTTP/1.1"`,
}
