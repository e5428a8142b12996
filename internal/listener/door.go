package listener

import (
	"crypto/tls"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A Door is what connections of a bind pass before their plane gets them:
// rules on connections, a PROXY header, a handshake of TLS, rules on sessions.
type Door struct {
	Car   *stream.Carrier
	Fe    *stream.Frontend
	Bind  string           // its name in logs
	Proxy bool             // accept-proxy
	TLS   *tls.Config      // ssl; nil: without
	Shake *loop.Handshakes // those of all binds, with TLS
	// Take gets a connection that came through; bytes behind the header are kept.
	Take func(c *loop.Conn, info stream.Client)
}

// Enter brings in a connection that was accepted, and was counted by Arrive.
func (d Door) Enter(c *loop.Conn, info stream.Client) {
	ok, proxy := d.Car.Admit(d.Fe, d.Fe.Rules().Cfg.TCP.Connection, &info, nil, backend.DeniedConn)
	if !ok {
		d.Fe.Leave(info.Of)
		c.Reset() // as HAProxy does: a client that is rejected costs no state of TIME_WAIT
		return
	}
	if !proxy && !d.Proxy {
		d.secure(c, info)
		return
	}
	g := &guest{Door: d, info: info}
	c.SetHandler(g)
	c.SetDeadline(d.Fe.HandshakeTimeout())
}

// pass runs the rules on sessions and hands the connection over.
func (d Door) pass(c *loop.Conn, info stream.Client) {
	c.SetDeadline(0)
	if ok, _ := d.Car.Admit(d.Fe, d.Fe.Rules().Cfg.TCP.Session, &info, c.TLS(), backend.DeniedSess); !ok {
		d.Fe.Leave(info.Of)
		c.Reset()
		return
	}
	d.Take(c, info)
	if !c.Closed() && (len(c.Kept()) > 0 || c.Readable()) {
		c.Again()
	}
}

// A guest is a connection of which a PROXY header is expected.
type guest struct {
	Door
	info stream.Client
	said int // bytes so far
}

// What a client fails for before its PROXY header is whole, in HAProxy's words.
var (
	whyEnd     = rule.Failure{Code: 11, Text: "Connection closed while waiting for PROXY protocol header"}
	whyReset   = rule.Failure{Code: 12, Text: "Connection error while waiting for PROXY protocol header"}
	whyTimeout = rule.Failure{Code: 13, Text: "Timeout while waiting for PROXY protocol header"}
	whyCut     = rule.Failure{Code: 14, Text: "Truncated PROXY protocol header received"}
	whyOther   = rule.Failure{Code: 15, Text: "Received something which does not look like a PROXY protocol header"}
	whyBad     = rule.Failure{Code: 16, Text: "Received an invalid PROXY protocol header"}
)

// Ready reads the header, see loop.Handler.
func (g *guest) Ready(c *loop.Conn) {
	p, err := c.Fill()
	g.said = len(p)
	h, n, state := wire.ParseProxy(p)
	switch {
	case state == wire.Bad && wire.LooksLikeProxy(p):
		g.leave(c, &whyBad)
	case state == wire.Bad:
		g.leave(c, &whyOther)
	case state == wire.Done:
		if h.From.IsValid() {
			g.info.From, g.info.To = h.From, h.To
		}
		c.Keep(p[n:])
		g.secure(c, g.info)
	case err != nil && c.Failed():
		g.leave(c, &whyReset)
	case err != nil && len(p) > 0:
		g.leave(c, &whyCut)
	case err != nil:
		g.leave(c, &whyEnd)
	default:
		c.Keep(p)
		if c.Readable() { // the end is behind it
			c.Again()
		}
	}
}

// Expired ends a client that is late, see loop.Handler.
func (g *guest) Expired(c *loop.Conn) { g.leave(c, &whyTimeout) }

// Broken is the end of a connection whose handling panicked.
func (g *guest) Broken(*loop.Conn) { g.Fe.Leave(g.info.Of) }

// leave ends a client that has said nothing, or something wrong.
func (g *guest) leave(c *loop.Conn, why *rule.Failure) { g.end(c, why, nil, g.said > 0) }

// end closes and logs; what tells nothing is not logged with dontlognull.
func (g *guest) end(c *loop.Conn, why *rule.Failure, secured *tls.Conn, tells bool) {
	if tells || !g.Fe.Rules().Cfg.DontLogNull {
		g.Car.Refused(g.Fe, &g.info, g.Bind, why, secured)
	}
	g.Fe.Leave(g.info.Of)
	c.Close()
}
