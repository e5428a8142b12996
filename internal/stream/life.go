package stream

import (
	"bytes"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

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
	tcp       bool // a connection of mode tcp: no request, no reply
	denied    bool // by a rule
	silent    bool // no log line (set-log-level silent)
	logLevel  int  // 1 + syslog severity; 0: as usual
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
	l.be = rules.choose(x)
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
	l.safe = idempotent(x.Req.Method) && x.Req.Body == wire.BodyNone
	return l.place(x)
}

// ruled runs the rules of one proxy; ended says that its order is the last word.
func (l *Life) ruled(p *config.Proxy, x *rule.Ctx, out *rule.Outcome) (o Order, ended bool) {
	if len(p.HTTPRequest) > 0 {
		rule.Run(p.HTTPRequest, x, out)
		l.noteLog(out)
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

// noteLog keeps what the rules say about the log line; each list has its say.
func (l *Life) noteLog(out *rule.Outcome) {
	if out.Silent || out.LogLevel != 0 {
		l.silent, l.logLevel = out.Silent, out.LogLevel
	}
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
	if ck := l.cfg.Cookie; ck != nil && !l.tcp {
		if v, _, _, ok := wire.CookieValue(&x.Req.Head, []byte(ck.Name)); ok {
			l.args.Cookie = v
		}
	}
	o := l.pick()
	l.args.Req, l.args.Cookie = nil, nil // their bytes do not outlive the request's head
	if ck := l.cfg.Cookie; ck != nil && ck.Indirect && !l.tcp {
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
		return Order{Kind: Connect, Srv: c.Srv, Fresh: l.tcp}
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
	return Order{Kind: Connect, Srv: srv, Fresh: l.tcp}
}

// Unqueued says that no slot came in time.
func (l *Life) Unqueued() Order { return l.fail(503, 's', 'Q') }

// Connected says that the server's connection is there.
func (l *Life) Connected() Order {
	if l.tcp {
		l.begun, l.phase = true, 'D'
		return Order{Kind: Tunnel}
	}
	l.phase = 'H'
	return Order{Kind: Send}
}
