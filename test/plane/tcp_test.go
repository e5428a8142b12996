package plane

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

// all reads to the end of the connection and notes what came and how it ended,
// on a server's side too.
func (p *peer) all() {
	b, err := io.ReadAll(p.r)
	what := fmt.Sprintf("%q", b)
	if len(b) > 100 {
		what = fmt.Sprintf("%d bytes", len(b))
	}
	switch {
	case err == nil:
		p.note(what + " EOF")
	case errors.Is(err, syscall.ECONNRESET):
		p.note(what + " RST")
	default:
		p.note(what + " " + err.Error())
	}
}

// some reads n bytes.
func (p *peer) some(n int) {
	b := make([]byte, n)
	if _, err := io.ReadFull(p.r, b); err != nil {
		p.note("too few: " + err.Error())
		panic(ended{})
	}
	p.note(fmt.Sprintf("%q", b))
}

// whole is a server that reads all, and ends then.
func whole(p *peer) { p.all() }

// answering is a server that answers five bytes with two, and reads on.
func answering(p *peer) {
	p.some(5)
	p.send("ok")
	p.all()
}

// stays is a server that answers, and stays until the proxy has ended.
func stays(p *peer) {
	p.some(5)
	p.send("ok")
	p.all()
	p.hold()
}

// talks is a client that has got its answer.
func talks(dial func() *peer) *peer {
	c := dial()
	c.send("hello")
	c.some(2)
	return c
}

// one is a client that sends five bytes, and does the rest.
func one(rest func(w *world, c *peer)) func(*world, func() *peer) {
	return func(w *world, dial func() *peer) {
		c := dial()
		c.send("hello")
		rest(w, c)
		w.lines(1)
	}
}

// second is a client that comes when the only slot is taken.
func second(rest func(w *world, a, b *peer)) func(*world, func() *peer) {
	return func(w *world, dial func() *peer) {
		a := talks(dial)
		b := dial()
		w.queued(1)
		rest(w, a, b)
	}
}

// cutOK is a client's view of a connection that was cut: bascule resets it, so
// that nobody takes for whole what is not.
const cutOK = `"ok"

"" RST`

// slotted hides that a slot has been passed on by the time that the line of its
// last user is written, where haproxy does so behind it; and that a client counts
// until it has closed its side.
func slotted(s string) string {
	return strings.NewReplacer(" 2/2/1/1/0 ", " 2/2/1/0/0 ", " 2/2/0/0/0 ", " 1/1/0/0/0 ").Replace(s)
}

var tcpQueue = map[string]*exchange{
	"timeout queue": {
		defaults: "timeout queue 4s", options: "maxconn 1", server: answering, logs: 2,
		client: second(func(_ *world, a, b *peer) { b.all() }),
	},
	"timeout queue of who has sent": {
		defaults: "timeout queue 4s", options: "maxconn 1", server: answering, logs: 2,
		client: second(func(_ *world, a, b *peer) { b.send("hello"); b.all() }),
	},
	"timeout connect in place of queue": {
		defaults: "timeout connect 4s", options: "maxconn 1", server: answering, logs: 2,
		client: second(func(_ *world, a, b *peer) { b.all() }),
	},
	"a slot in time": {
		options: "maxconn 1", server: answering, logs: 2,
		client: second(func(w *world, a, b *peer) {
			a.closeWrite()
			a.all()
			w.lines(1)
			b.send("hello")
			b.some(2)
			b.closeWrite()
			b.all()
		}),
	},
	"the queue of a server": {
		back: "balance source", defaults: "timeout queue 4s", options: "maxconn 1", server: answering, logs: 2,
		client: second(func(_ *world, a, b *peer) { b.all() }),
	},
	"maxqueue": {
		back: "balance source", options: "maxconn 1 maxqueue 1", server: answering, logs: 3,
		client: func(w *world, dial func() *peer) {
			a := talks(dial)
			b := dial()
			w.queued(1)
			c := dial()
			c.all()
			c.conn.Close()
			w.lines(1)
			b.conn.Close()
			w.lines(2)
			a.closeWrite()
			a.all()
		},
	},
	"queued, ends without a word": {
		options: "maxconn 1", server: answering, logs: 2,
		client: second(func(w *world, a, b *peer) { b.closeWrite(); b.all(); w.lines(1) }),
	},
	"queued, resets without a word": {own: outcome{log: "fe be/<NOSRV> t/-1/t 0 CQ 2/2/1/0/0 0/1\nfe be/s1 t/t/t 2 -- 1/1/0/0/0 0/0"},
		options: "maxconn 1", server: answering, logs: 2,
		client: second(func(w *world, a, b *peer) { func() { defer func() { _ = recover() }(); b.reset() }(); w.lines(1) }),
	},
	"queued, ends with a word": {
		defaults: "timeout queue 4s", options: "maxconn 1", server: answering, logs: 2,
		client: second(func(w *world, a, b *peer) { b.send("hello"); b.closeWrite(); b.all(); w.lines(1) }),
	},
	"queued, ends with a word, abortonclose": {
		back: "option abortonclose", defaults: "timeout queue 4s", options: "maxconn 1", server: answering, logs: 2,
		client: second(func(w *world, a, b *peer) { b.send("hello"); b.closeWrite(); b.all(); w.lines(1) }),
	},
	"queued, the server goes": {
		options: "maxconn 1", server: answering, logs: 2,
		client: second(func(w *world, a, b *peer) {
			w.Ask("disable server be/s1")
			a.closeWrite()
			a.all()
			w.lines(1)
			b.conn.Close()
		}),
	},
	"queued, shut down": {own: outcome{client: cutOK + "\n\n-- next connection\n\n\"ok\"\n\n\"\" EOF"},
		options: "maxconn 1 on-marked-down shutdown-sessions", server: answering, logs: 2, defaults: "timeout queue 20s",
		client: second(func(w *world, a, b *peer) {
			w.Ask("shutdown sessions server be/s1")
			a.all()
			w.lines(1)
			b.send("hello")
			b.some(2)
			b.closeWrite()
			b.all()
		}),
	},
}

var tcpConnect = map[string]*exchange{
	"refused":                   {back: "retries 0", servers: []func(*peer){nil}, client: one(func(_ *world, c *peer) { c.all() })},
	"refused twice":             {back: "retries 1\ntimeout connect 1s", servers: []func(*peer){nil}, client: one(func(_ *world, c *peer) { c.all() })},
	"refused by all":            {back: "retries 2\noption redispatch\ntimeout connect 1s", servers: []func(*peer){nil, nil}, client: one(func(_ *world, c *peer) { c.all() })},
	"refused by the first":      {back: "retries 2\noption redispatch", servers: []func(*peer){nil, answering}, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"refused, moved at once":    {back: "retries 2\noption redispatch 1", servers: []func(*peer){nil, answering}, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"refused, no redispatch":    {back: "balance source\nretries 1\ntimeout connect 1s", servers: []func(*peer){nil, nil}, client: one(func(_ *world, c *peer) { c.all() })},
	"refused, and a backup":     {back: "retries 1\noption redispatch\ntimeout connect 1s\nserver b1 " + nobody + " backup", servers: []func(*peer){nil}, client: one(func(_ *world, c *peer) { c.all() })},
	"no server is up":           {options: "disabled", server: whole, client: one(func(_ *world, c *peer) { c.all() })},
	"no backend":                {front: "use_backend be if { src 192.0.2.1 }\nuse_backend nobody if TRUE", back: "server x 127.0.0.1:1\nbackend nobody", servers: []func(*peer){}, client: one(func(_ *world, c *peer) { c.all() })},
	"a client that never talks": {back: "retries 0", servers: []func(*peer){nil}, client: func(w *world, dial func() *peer) { dial().all(); w.lines(1) }},
}

// leaving is a client that ends while its server is connected to.
func leaving(leave func(c *peer)) func(*world, func() *peer) {
	return func(w *world, dial func() *peer) {
		c := dial()
		w.sessions(1)
		leave(c)
		w.lines(1)
	}
}

func tcpUnreachable(t *testing.T) map[string]*exchange {
	const late = "timeout connect 10s\nretries 0" // long enough to be seen connecting on a busy machine
	return map[string]*exchange{
		"unreachable":                       {addr: deaf(t), back: "timeout connect 1s\nretries 0", client: one(func(_ *world, c *peer) { c.all() })},
		"unreachable twice":                 {addr: deaf(t), back: "timeout connect 1s\nretries 1\noption redispatch", client: one(func(_ *world, c *peer) { c.all() })},
		"connecting, ends without a word":   {addr: deaf(t), back: late, client: leaving(func(c *peer) { c.closeWrite(); c.all() })},
		"connecting, resets without a word": {own: outcome{log: "fe be/s1 t/-1/t 0 CC 1/1/0/0/0 0/0"}, addr: deaf(t), back: late, client: leaving(func(c *peer) { c.reset() }), logs: 1},
		"connecting, ends with a word":      {addr: deaf(t), back: late, client: leaving(func(c *peer) { c.send("hello"); c.closeWrite(); c.all() })},
		"connecting, ends with a word, abortonclose": {addr: deaf(t), back: late + "\noption abortonclose",
			client: leaving(func(c *peer) { c.send("hello"); c.closeWrite(); c.all() })},
		"connecting, the client's time is up": {addr: deaf(t), defaults: "timeout client 5s", back: late, client: leaving(func(c *peer) { c.all() })},
		"connecting, the server goes": {addr: deaf(t), back: late, options: "on-marked-down shutdown-sessions", client: func(w *world, dial func() *peer) {
			c := dial()
			w.sessions(1)
			w.Ask("disable server be/s1")
			c.all()
			w.lines(1)
		}},
		"connecting, shut down": {addr: deaf(t), back: late, client: func(w *world, dial func() *peer) {
			c := dial()
			w.sessions(1)
			w.Ask("shutdown sessions server be/s1")
			c.all()
			w.lines(1)
		}},
	}
}

// filling is a peer's word that no socket takes whole.
var filling = strings.Repeat("0123456789abcdef", 1<<21)

var tcpTimeouts = map[string]*exchange{
	"timeout client":           {own: outcome{client: cutOK}, defaults: "timeout client 4s", server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.all() })},
	"timeout server":           {own: outcome{client: cutOK}, back: "timeout server 4s", server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.all() })},
	"timeout server, no reply": {back: "timeout server 4s", server: whole, client: one(func(_ *world, c *peer) { c.all() })},
	"both at once":             {own: outcome{client: cutOK}, defaults: "timeout client 4s\ntimeout server 4s", server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.all() })},
	"timeout tunnel":           {own: outcome{client: cutOK}, defaults: "timeout tunnel 4s", server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.all() })},
	"timeout client-fin, the server has ended": {defaults: "timeout client-fin 1500ms", client: one(func(w *world, c *peer) { c.some(2); w.lines(1) }),
		server: func(p *peer) { p.some(5); p.send("ok"); p.closeWrite(); p.all() }},
	"timeout server-fin, the client has ended": {own: outcome{client: cutOK}, defaults: "timeout server-fin 1500ms", server: stays, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"timeout client, the client has ended":     {own: outcome{client: cutOK}, defaults: "timeout client 4s\ntimeout server 9s", server: stays, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"timeout server, the client has ended":     {own: outcome{client: cutOK}, defaults: "timeout server 4s", server: stays, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"timeout client-fin, the client has ended": {own: outcome{client: cutOK}, defaults: "timeout client-fin 3s\ntimeout server 6s", server: stays, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"timeout server, the server has ended": {defaults: "timeout server 4s\ntimeout client 9s", client: one(func(w *world, c *peer) { c.some(2); w.lines(1) }),
		server: func(p *peer) { p.some(5); p.send("ok"); p.closeWrite(); p.all() }},
	"timeout client, the server has ended": {defaults: "timeout client 4s", client: one(func(w *world, c *peer) { c.some(2); w.lines(1) }),
		server: func(p *peer) { p.some(5); p.send("ok"); p.closeWrite(); p.all() }},
	"timeout server-fin, the server has ended": {defaults: "timeout server-fin 1500ms\ntimeout client 9s", client: one(func(w *world, c *peer) { c.some(2); w.lines(1) }),
		server: func(p *peer) { p.some(5); p.send("ok"); p.closeWrite(); p.all() }},
	"a client that does not read": {defaults: "timeout client 4s", client: one(func(w *world, _ *peer) { w.lines(1) }), same: uncounted,
		server: func(p *peer) { p.send(filling); p.hold() }},
	"a server that does not read": {defaults: "timeout server 4s", server: func(p *peer) { p.hold() }, same: uncounted,
		client: func(w *world, dial func() *peer) {
			c := dial()
			go func() { // ends with the connection
				defer func() { _ = recover() }()
				c.send(filling)
			}()
			w.lines(1)
		}},
}

// uncounted hides how many bytes were passed on: as many as the sockets took.
func uncounted(s string) string { return tcpBytes.ReplaceAllString(s, " N $1 ") }

var tcpEnds = map[string]*exchange{
	"the client ends first":          {server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.closeWrite(); c.all() })},
	"the client closes":              {server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.conn.Close() })},
	"the client resets":              {server: answering, client: one(func(_ *world, c *peer) { c.some(2); c.reset() }), logs: 1},
	"the server ends first":          {server: func(p *peer) { p.some(5); p.send("ok") }, client: one(func(_ *world, c *peer) { c.all() })},
	"the server ends at once":        {server: func(p *peer) {}, client: func(w *world, dial func() *peer) { dial().all(); w.lines(1) }},
	"the server resets":              {server: func(p *peer) { p.some(5); p.reset() }, client: one(func(_ *world, c *peer) { c.all() })},
	"the server resets later":        {own: outcome{client: cutOK}, server: func(p *peer) { p.some(5); p.send("ok"); p.some(1); p.reset() }, client: one(func(_ *world, c *peer) { c.some(2); c.send("x"); c.all() })},
	"the client ends unread":         {server: func(p *peer) { p.all(); p.send("ok") }, client: one(func(_ *world, c *peer) { c.closeWrite(); c.all() })},
	"the client ends without a word": {server: func(p *peer) { p.send("ok"); p.all() }, client: func(w *world, dial func() *peer) { c := dial(); c.some(2); c.closeWrite(); c.all(); w.lines(1) }},
	"the server ends, the client talks on": {server: func(p *peer) { p.some(5); p.send("ok"); p.closeWrite(); p.all() },
		client: one(func(_ *world, c *peer) {
			c.some(2)
			_, _ = c.r.Peek(1) // its end has come
			c.send("more")
			c.closeWrite()
			c.all()
		})},
	"much up, an answer": {defaults: "timeout server 1m", server: func(p *peer) { p.all(); p.send("got it") }, client: func(w *world, dial func() *peer) {
		c := dial()
		c.send(filling[:8<<20])
		c.closeWrite()
		c.all()
		w.lines(1)
	}},
	"much down":                       {defaults: "timeout server 1m", server: func(p *peer) { p.some(5); p.send(filling[:8<<20]) }, client: one(func(_ *world, c *peer) { c.all() })},
	"much down, the client has ended": {defaults: "timeout server 1m", server: func(p *peer) { p.all(); p.send(filling[:8<<20]) }, client: one(func(_ *world, c *peer) { c.closeWrite(); c.all() })},
	"marked down": {own: outcome{client: cutOK}, options: "on-marked-down shutdown-sessions", server: answering,
		client: one(func(w *world, c *peer) { c.some(2); w.Ask("disable server be/s1"); c.all() })},
	"marked down, stays": {server: answering,
		client: one(func(w *world, c *peer) { c.some(2); w.Ask("disable server be/s1"); c.closeWrite(); c.all() })},
	"a backup whose primary comes": {own: outcome{client: cutOK}, options: "disabled on-marked-up shutdown-backup-sessions", server: answering, back: "server b1 $PEER backup",
		client: one(func(w *world, c *peer) { c.some(2); w.Ask("enable server be/s1"); c.all() })},
	"shut down by the server's name": {own: outcome{client: cutOK}, server: answering,
		client: one(func(w *world, c *peer) { c.some(2); w.Ask("shutdown sessions server be/s1"); c.all() })},
	"shut down": {own: outcome{client: cutOK}, server: answering, client: one(func(w *world, c *peer) {
		c.some(2)
		for _, line := range strings.Split(w.Ask("show sess"), "\n") {
			if id, _, ok := strings.Cut(line, ":"); ok && strings.Contains(line, "be=be") {
				w.Ask("shutdown session " + id)
			}
		}
		c.all()
	})},
	"half-ended, then marked down": {own: outcome{client: cutOK, log: "fe be/s1 t/t/t 2 D- 1/1/0/0/0 0/0"}, options: "on-marked-down shutdown-sessions", defaults: "timeout server 10s", server: func(p *peer) { p.some(5); p.send("ok"); p.all(); p.hold() },
		client: one(func(w *world, c *peer) {
			c.some(2)
			c.closeWrite()
			w.Await("the end at the server", func() bool { return len(w.conns()[0].noted()) == 2 })
			w.Ask("disable server be/s1")
			c.all()
		})},
}

// TestTCP compares mode tcp: what both peers read and how their connections
// end, and the whole line of option tcplog but for times.
func TestTCP(t *testing.T) {
	t.Parallel()
	for group, list := range map[string]map[string]*exchange{
		"queue": tcpQueue, "connect": tcpConnect, "unreachable": tcpUnreachable(t), "timeout": tcpTimeouts, "end": tcpEnds,
	} {
		for name, x := range list {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				x := new(*x) // the table stays as it is
				x.defaults = "mode tcp\noption tcplog\n" + x.defaults
				if group == "queue" {
					x.same = slotted
				}
				if x.logs == 0 {
					x.logs = -1 // the client has waited for it
				}
				if strings.Contains(x.back, "$PEER") {
					s := serve(t, x.server)
					x.back = strings.ReplaceAll(x.back, "$PEER", s.addr)
				}
				compare(t, x)
			})
		}
	}
}
