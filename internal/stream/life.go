package stream

import (
	"bytes"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// retryPause is how long a retry on the same server waits at most, as
// HAProxy's does: a server that restarts gets a chance, and a refused connect
// does not become a storm. `timeout connect` shortens it.
const retryPause = time.Second

// A Life is the life of one request as decisions: every method takes one
// event and returns what to do next. It does no I/O and reads no clock; a
// test drives it by words.
type Life struct {
	rules *Rules
	be    *backend.Backend
	cfg   *config.Proxy // of be, as it was at the request
	srv   *backend.Server
	args  backend.Args
	loop  int

	persist   backend.PersistState
	setBack   byte  // fourth letter of the termination code
	direct    bool  // the cookie chose the server
	refresh   bool  // its dates must be written anew (maxidle)
	firstSeen int64 // of the cookie, for maxlife
	slot      bool  // a slot on srv is held
	retries   int   // left
	fails     int   // connects that failed
	moved     bool  // redispatched
	safe      bool  // may be sent again after a proof of death: idempotent, no body
	begun     bool  // a byte of the final reply was passed on
	upgrade   bool
	denied    bool // by a rule
	answered  bool // by a rule, as wished
	served    bool // answered inside
	method    wire.Method
	phase     byte // where it stands: R Q C H D, as in termination codes
	term      [2]byte
	status    int
	attempts  int
}

// Request decides what happens to a request whose head is in x. Edits of the
// rules are made in x.Req.
func (l *Life) Request(rules *Rules, x *rule.Ctx, out *rule.Outcome, loop int) Order {
	*l = Life{rules: rules, loop: loop, phase: 'R', method: x.Req.Method, upgrade: x.Req.Upgrade || x.Req.Method == wire.MethodConnect}
	l.term = [2]byte{'-', '-'}
	fe := rules.Cfg
	if fe.MonitorURI != "" && string(x.Req.Path()) == fe.MonitorURI {
		l.answered = true
		return l.answer(200, monitorAnswer, 'L', 'R')
	}
	if o, ended := l.ruled(fe, x, out); ended {
		return o
	}
	l.be = rules.Default
	for i := range rules.Switches {
		if rules.Switches[i].Cond.Match(x) {
			l.be = rules.Switches[i].Backend
			break
		}
	}
	if l.be == nil {
		return l.fail(503, 'S', 'C')
	}
	l.cfg = l.be.Config()
	x.Backend = l.cfg.Name
	if l.cfg != fe && l.cfg.Name != fe.Name {
		if o, ended := l.ruled(l.cfg, x, out); ended {
			return o
		}
	}
	l.forwardFor(x)
	l.retries = l.cfg.Retries
	l.safe = idempotent(x.Req.Method) && x.Req.Body == wire.BodyNone && !l.upgrade
	return l.place(x)
}

// ruled runs the rules of one proxy; ended says that its order is the last word.
func (l *Life) ruled(p *config.Proxy, x *rule.Ctx, out *rule.Outcome) (o Order, ended bool) {
	if len(p.HTTPRequest) > 0 {
		rule.Run(p.HTTPRequest, x, out)
		switch out.Verdict {
		case rule.Allow:
		case rule.Deny, rule.Tarpit:
			l.denied = true
			return l.outcome(p, out, 'P'), true
		case rule.Return, rule.Redirect:
			l.answered = true
			return l.outcome(p, out, 'L'), true
		case rule.Reject:
			l.denied, l.term = true, [2]byte{'P', 'R'}
			return Order{Kind: Drop}, true
		case rule.Serve:
			return l.serve(out.Service), true
		}
	}
	if s := p.Stats; s != nil && asksPage(x.Req.Method) && bytes.HasPrefix(x.Req.Target(), []byte(s.URI)) {
		return l.serve(StatsService), true
	}
	return Order{}, false
}

// asksPage says whether the method is one that the stats page answers; others
// go on to the servers, as with HAProxy.
func asksPage(m wire.Method) bool {
	return m == wire.MethodGet || m == wire.MethodHead || m == wire.MethodPost
}

func (l *Life) outcome(p *config.Proxy, out *rule.Outcome, who byte) Order {
	a := out.Answer
	if a == nil {
		a = errorAnswer(p, l.rules.Cfg, out.Status)
	}
	return l.answer(out.Status, a, who, 'R')
}

func (l *Life) serve(name string) Order {
	l.served, l.phase, l.term = true, 'H', [2]byte{'L', 'R'}
	return Order{Kind: Serve, Service: name}
}

func (l *Life) forwardFor(x *rule.Ctx) {
	ff := l.rules.Cfg.ForwardFor
	if l.cfg.ForwardFor != nil {
		ff = l.cfg.ForwardFor
	}
	if ff == nil {
		return
	}
	addr := x.Src.Addr()
	for _, p := range ff.Except {
		if p.Contains(addr) {
			return
		}
	}
	if ff.IfNone && x.Req.Find([]byte(ff.Header), 0) >= 0 {
		return
	}
	x.Scratch = addr.AppendTo(x.Scratch[:0])
	x.Req.Add(headerName(ff), x.Scratch)
}

var xForwardedFor = []byte("X-Forwarded-For")

func headerName(ff *config.ForwardFor) []byte {
	if ff.Header == "" || ff.Header == "X-Forwarded-For" {
		return xForwardedFor
	}
	return []byte(ff.Header)
}

// place asks the backend for a server.
func (l *Life) place(x *rule.Ctx) Order {
	l.args = backend.Args{Req: x.Req, Src: x.Src.Addr(), Loop: l.loop}
	if ck := l.cfg.Cookie; ck != nil {
		if v, _, _, ok := wire.CookieValue(&x.Req.Head, []byte(ck.Name)); ok {
			l.args.Cookie = v
		}
	}
	o := l.pick()
	l.args.Req, l.args.Cookie = nil, nil // their bytes do not outlive the request's head
	if ck := l.cfg.Cookie; ck != nil && ck.Indirect {
		x.Req.RemoveCookie([]byte(ck.Name))
	}
	return o
}

func (l *Life) pick() Order {
	c := l.be.Pick(&l.args)
	l.persist, l.direct, l.refresh, l.firstSeen = c.Persist, c.Direct, c.Refresh, c.First
	switch {
	case c.Srv != nil:
		l.srv, l.slot, l.phase = c.Srv, true, 'C'
		return Order{Kind: Connect, Srv: c.Srv}
	case c.Full:
		l.phase = 'Q'
		return Order{Kind: Queue, Srv: c.Wait, Delay: l.queueTimeout()}
	}
	return l.fail(503, 'S', 'C')
}

func (l *Life) queueTimeout() time.Duration {
	if l.cfg.Timeouts.Queue > 0 {
		return l.cfg.Timeouts.Queue
	}
	return l.cfg.Timeouts.Connect
}

// Granted says that a slot on srv was passed to this stream from the queue.
func (l *Life) Granted(srv *backend.Server) Order {
	l.srv, l.slot, l.phase = srv, true, 'C'
	return Order{Kind: Connect, Srv: srv}
}

// Unqueued says that no slot came in time.
func (l *Life) Unqueued() Order { return l.fail(503, 's', 'Q') }

// Connected says that the server's connection is there.
func (l *Life) Connected() Order {
	l.phase = 'H'
	return Order{Kind: Send}
}

// Failed says that no connection came about: nothing was sent, so any request
// may be tried again.
func (l *Life) Failed(why Why) Order {
	l.fails++
	if why == MarkedDown {
		return l.again(true, false)
	}
	if l.retries <= 0 {
		if why != OwnFault {
			l.count(backend.ConnErrors)
		}
		if why == Timeout {
			return l.fail(503, 's', 'C')
		}
		return l.fail(503, 'S', 'C')
	}
	l.retries--
	// With `option redispatch` a refusal moves on at once: the server said no,
	// and waiting three seconds for it helps nobody. A timeout follows
	// HAProxy's schedule.
	move := l.mayMove(why == Refused)
	return l.again(move, !move && why != Timeout)
}

// mayMove says whether the next try goes to another server.
func (l *Life) mayMove(proven bool) bool {
	n := l.cfg.Redispatch
	switch {
	case n == 0:
		return !l.srv.State().Persists() // the cookie's server went down meanwhile
	case proven:
		return true
	case n < 0:
		return l.retries < -n
	}
	return l.fails%n == 0
}

// again leads to the next try, elsewhere or on the same server.
func (l *Life) again(move, pause bool) Order {
	if move {
		l.leave()
		l.args.Avoid = l.srv
		o := l.pickOther()
		return o
	}
	l.count(backend.Retries)
	if pause {
		d := retryPause
		if t := l.cfg.Timeouts.Connect; t > 0 && t < d {
			d = t
		}
		return Order{Kind: Pause, Delay: d}
	}
	return Order{Kind: Connect, Srv: l.srv, Fresh: true}
}

func (l *Life) pickOther() Order {
	before, persist := l.srv, l.persist
	o := l.pick()
	l.persist = persist
	if o.Kind == Connect {
		l.direct = false
		if o.Srv == before {
			l.count(backend.Retries)
			o.Fresh = true
			d := min(retryPause, max(l.cfg.Timeouts.Connect, time.Millisecond))
			return Order{Kind: Pause, Delay: d}
		}
		l.moved = true
		before.Counters.Add(l.loop, backend.Redispatches, 1)
		l.be.Counters.Add(l.loop, backend.Redispatches, 1)
	}
	return o
}

// Paused says that the pause before a retry is over.
func (l *Life) Paused() Order {
	if !l.srv.State().Persists() && l.cfg.Redispatch != 0 {
		l.leave()
		l.args.Avoid = l.srv
		return l.pickOther()
	}
	return Order{Kind: Connect, Srv: l.srv, Fresh: true}
}

// Lost says that the server's connection ended after the request was sent and
// before its reply came whole enough to be passed on. reused: the connection
// had carried a request before, so that the server may just have closed it.
func (l *Life) Lost(why Why, reused, kept bool) Order {
	if why == MarkedDown {
		return l.fail(503, 'D', 'H')
	}
	if kept && l.safe && !l.begun && why == Reset && l.retries > 0 {
		l.retries--
		l.phase = 'C'
		if reused {
			l.count(backend.Retries)
			return Order{Kind: Connect, Srv: l.srv, Fresh: true}
		}
		if l.mayMove(true) {
			l.count(backend.RespErrors)
			return l.again(true, false)
		}
	}
	l.count(backend.RespErrors)
	switch why {
	case Timeout:
		return l.fail(504, 's', 'H')
	case Garbage:
		return l.fail(502, 'P', 'H')
	}
	l.count(backend.ServerAborts)
	return l.fail(502, 'S', 'H')
}

// Reply decides what happens to the server's final reply. Edits are made in x.Res.
func (l *Life) Reply(x *rule.Ctx, out *rule.Outcome) Order {
	l.status = x.Res.Status
	for _, p := range [...]*config.Proxy{l.cfg, l.rules.Cfg} {
		if len(p.HTTPResponse) > 0 {
			rule.Run(p.HTTPResponse, x, out)
			if out.Verdict == rule.Deny {
				l.deniedReply()
				return l.answer(out.Status, l.denyAnswer(p, out), 'P', 'H')
			}
		}
		if p == l.rules.Cfg || l.cfg.Name == l.rules.Cfg.Name {
			break
		}
	}
	l.replyCookie(x)
	l.after(x, out)
	l.begun, l.phase = true, 'D'
	if x.Res.Body == wire.BodyTunnel {
		return Order{Kind: Tunnel}
	}
	return Order{Kind: Relay}
}

func (l *Life) denyAnswer(p *config.Proxy, out *rule.Outcome) *rule.Answer {
	if out.Answer != nil {
		return out.Answer
	}
	return errorAnswer(p, l.rules.Cfg, out.Status)
}

func (l *Life) deniedReply() {
	l.be.Counters.Add(l.loop, backend.DeniedResp, 1)
	l.srv.Counters.Add(l.loop, backend.DeniedResp, 1)
}

// after runs http-after-response, which sees every reply.
func (l *Life) after(x *rule.Ctx, out *rule.Outcome) {
	if l.cfg != nil && len(l.cfg.HTTPAfter) > 0 {
		rule.Run(l.cfg.HTTPAfter, x, out)
	}
	if fe := l.rules.Cfg; len(fe.HTTPAfter) > 0 && (l.cfg == nil || l.cfg.Name != fe.Name) {
		rule.Run(fe.HTTPAfter, x, out)
	}
}

// Relayed says that the reply was passed on whole, or the tunnel ended.
func (l *Life) Relayed() Order { return Order{Kind: Finish} }

// Broke says that the server's side failed while its reply was passed on.
func (l *Life) Broke(why Why) Order {
	switch why {
	case Timeout:
		l.term = [2]byte{'s', 'D'}
	case MarkedDown:
		l.term = [2]byte{'D', 'D'}
	default:
		l.term = [2]byte{'S', 'D'}
	}
	if l.srv != nil {
		l.count(backend.ServerAborts)
	}
	return Order{Kind: Cut}
}

// Gone says that the client left, or was silent for too long.
func (l *Life) Gone(timeout bool) Order {
	who := byte('C')
	if timeout {
		who = 'c'
	}
	l.term = [2]byte{who, l.phase}
	if l.be != nil {
		l.be.Counters.Add(l.loop, backend.ClientAborts, 1)
	}
	if l.srv != nil {
		l.srv.Counters.Add(l.loop, backend.ClientAborts, 1)
	}
	if timeout && !l.begun {
		return l.fail(408, 'c', l.phase)
	}
	return Order{Kind: Cut}
}

// Refuse answers a request whose head is not to be had: malformed (400), too
// large, or not there in time (408).
func (l *Life) Refuse(rules *Rules, status int, who byte, loop int) Order {
	*l = Life{rules: rules, loop: loop, phase: 'R'}
	return l.fail(status, who, 'R')
}

// fail answers with the error file of status.
func (l *Life) fail(status int, who, where byte) Order {
	var be *config.Proxy
	if l.cfg != nil {
		be = l.cfg
	}
	return l.answer(status, errorAnswer(be, l.rules.Cfg, status), who, where)
}

func (l *Life) answer(status int, a *rule.Answer, who, where byte) Order {
	l.term, l.status = [2]byte{who, where}, status
	l.leave()
	return Order{Kind: Reply, Status: status, Answer: a}
}

// leave gives the slot back.
func (l *Life) leave() {
	if l.slot {
		l.slot = false
		l.srv.Release(l.loop)
	}
}

func (l *Life) count(k backend.Counter) {
	l.be.Counters.Add(l.loop, k, 1)
	if l.srv != nil {
		l.srv.Counters.Add(l.loop, k, 1)
	}
}

// idempotent says that sending the request twice does what sending it once
// does (RFC 9110 §9.2.2).
func idempotent(m wire.Method) bool {
	switch m {
	case wire.MethodGet, wire.MethodHead, wire.MethodOptions, wire.MethodPut, wire.MethodDelete:
		return true
	}
	return false
}

var monitorAnswer = &rule.Answer{Status: 200, Reason: "OK", Fields: []byte("Cache-Control: no-cache\r\nContent-Type: text/html\r\n"), Body: []byte("<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n")}

// errorAnswer is the reply for status: the backend's error file, else the
// frontend's, else the default text.
func errorAnswer(be, fe *config.Proxy, status int) *rule.Answer {
	if be != nil {
		if a := be.Errors[status]; a != nil {
			return a
		}
	}
	if fe != nil {
		if a := fe.Errors[status]; a != nil {
			return a
		}
	}
	return rule.DefaultAnswer(status)
}
