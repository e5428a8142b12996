package stream

import (
	"cmp"
	"crypto/tls"
	"net/netip"
	"strconv"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// Arrive counts a client connection that was accepted, at the frontend and in
// the process; Leave is its end.
func (f *Frontend) Arrive(loop int, of *Socket) {
	f.Counters.Add(loop, backend.Conns, 1)
	f.Cur.Enter()
	f.Env.Conns.Enter()
	if of != nil {
		of.Cur.Enter()
	}
}

// Leave forgets a client connection.
func (f *Frontend) Leave(of *Socket) {
	f.Cur.Leave()
	f.Env.Conns.Leave()
	if of != nil {
		of.Cur.Leave()
	}
}

// Claim promises one more client connection within the limits of the process, the
// frontend and the bind, most being its own, while a loop looks whether there is
// one: other loops do so at the same time. Unclaim must follow if it says so.
func (f *Frontend) Claim(of *Socket, most int64) bool {
	limit := f.Env.MaxConn.Load()
	if limit <= 0 || !f.Env.Conns.Claim(limit) {
		return false
	}
	if f.Cur.Claim(f.MaxConn()) {
		if of == nil || of.Cur.Claim(most) {
			return true
		}
		f.Cur.Unclaim()
	}
	f.Env.Conns.Unclaim()
	return false
}

// Unclaim ends the promise, behind Arrive if there was a connection.
func (f *Frontend) Unclaim(of *Socket) {
	f.Cur.Unclaim()
	f.Env.Conns.Unclaim()
	if of != nil {
		of.Cur.Unclaim()
	}
}

// NewClient is a connection that was accepted just now.
func (c *Carrier) NewClient(from, to netip.AddrPort, of *Socket) Client {
	return Client{From: from, To: to, Accepted: c.Loop.Now(), Wall: c.Loop.Wall().UnixNano(), Of: of}
}

// Admit runs rules of tcp-request connection or session for a client; ok false
// closes it, and counts. proxy says that a PROXY header must come first. The
// rules may replace the addresses and set variables of the session. secured is
// the connection's TLS, nil before it and without.
func (c *Carrier) Admit(fe *Frontend, rules []*rule.Action, info *Client, secured *tls.Conn, denied backend.Counter) (ok, proxy bool) {
	if len(rules) == 0 {
		return true, false
	}
	x, all := &c.Ctx, fe.Rules()
	c.marks.Reset()
	*x = rule.Ctx{
		Src: info.From, Dst: info.To, Frontend: fe.Name, First: true, TLS: secured, Now: c.Loop.Wall(),
		ConnSrc: info.From, ConnDst: info.To, Loop: c.Loop.Index(), FrontendID: all.Cfg.ID, DefaultBackend: all.defaultName(),
		World: all.World, Vars: info.Vars, Marks: &c.marks, Scratch: x.Scratch,
	}
	rule.RunContent(rules, x, &c.Out)
	info.From, info.To, info.Vars = x.Src, x.Dst, x.Vars
	if c.Out.Verdict == rule.Reject {
		fe.Counters.Add(c.Loop.Index(), denied, 1)
		info.Of.Count(c.Loop.Index(), denied)
		return false, false
	}
	return true, c.Out.ExpectProxy
}

// Refused logs a connection that ended before it became a session, as HAProxy
// does: who, where, and why. secured is how far its TLS had come, nil without.
func (c *Carrier) Refused(fe *Frontend, info *Client, bind string, why *rule.Failure, secured *tls.Conn) {
	cfg := fe.Rules().Cfg
	if cfg.LogFormat == nil {
		return
	}
	level := logInfo
	if cfg.LogSeparateErrors {
		level = logErr
	}
	if cfg.LogErrors != nil {
		c.rec = c.guestRecord(fe, info, why, secured)
		fe.say(c, cfg, &c.rec, level, cfg.LogErrors)
		c.Ctx.Failure = nil // the next one is of a stream
		return
	}
	line := append(rule.AppendHost(c.logLine[:0], info.From), ':')
	line = strconv.AppendUint(line, uint64(info.From.Port()), 10)
	line = append(line, " ["...)
	line = time.Unix(0, info.Wall).AppendFormat(line, embryonicDate)
	line = append(append(append(append(line, "] "...), fe.Name...), '/'), bind...)
	c.logLine = append(append(line, ": "...), why.Text...)
	if why.Why != "" {
		c.logLine = append(append(append(c.logLine, " ("...), why.Why...), ')')
	}
	fe.Env.Hub.Ring(c.Loop.Index()).Line(cfg.Logs, level, c.logLine)
}

// guestRecord is what an error-log-format says of a connection without a stream.
func (c *Carrier) guestRecord(fe *Frontend, info *Client, why *rule.Failure, secured *tls.Conn) logs.Record {
	r := logs.Record{
		Client: info.From, FrontAddr: info.To, Frontend: fe.Name, TLS: why.Secure, Secured: secured, TCP: fe.Rules().Cfg.Mode == config.ModeTCP,
		Accept: time.Unix(0, info.Wall), Start: c.Loop.Wall(), Minor: 255, BadRequest: true, Unborn: true, Term: [4]byte{'P', 'R', '-', '-'},
		TR: -1, Tw: -1, Tc: -1, Tr: -1, Ta: ms(info.Accepted, c.Loop.Now()), Tt: ms(info.Accepted, c.Loop.Now()),
		ActConn: int(fe.Env.Conns.Cur()), FeConn: int(fe.Cur.Cur()), ASAP: fe.Rules().Cfg.LogASAP,
	}
	if fe.Rules().Cfg.LogErrors.UsesCtx() {
		x := &c.Ctx
		*x = rule.Ctx{Src: info.From, Dst: info.To, Now: c.Loop.Wall(), Frontend: fe.Name, ConnSrc: info.From, ConnDst: info.To, Loop: c.Loop.Index(), Vars: info.Vars, TLS: secured, Failure: why, Scratch: x.Scratch}
		r.Ctx = x
	}
	return r
}

// embryonicDate is that of %t.
const embryonicDate = "02/Jan/2006:15:04:05.000"

// HandshakeTimeout bounds what a client must say before its session begins, a
// PROXY header or its part of a TLS handshake: timeout client-hs, else timeout client.
func (f *Frontend) HandshakeTimeout() time.Duration {
	t := &f.Rules().Cfg.Timeouts
	return cmp.Or(t.ClientHS, t.Client, handshakeTime)
}

// handshakeTime is enough for a client far away, where neither timeout client-hs
// nor timeout client says otherwise.
const handshakeTime = 10 * time.Second
