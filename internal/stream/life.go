package stream

import (
	"bytes"
	"slices"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A Life is the life of one request as decisions: every method takes one
// event and returns what to do next. It does no I/O and reads no clock; a
// test drives it by words.
//
// What decides about the server is forgotten once a tunnel has begun: an idle
// one costs only what is here.
type Life struct {
	*choosing
	rules *Rules
	be    *backend.Backend
	cfg   *config.Proxy // of be, as it was at the request
	srv   *backend.Server
	marks *rule.Marks // of the rules; nil in tests without any

	loop           int32
	attempts       int32
	status         int16
	persist        backend.PersistState
	setBack        byte // fourth letter of the termination code
	logLevel       int8 // 1 + syslog severity; 0: as usual; or logged
	slot           bool // a slot on srv is held
	moved          bool // redispatched
	counted        bool // in be
	begun          bool // a byte of the final reply was passed on
	tcp            bool // a connection of mode tcp: no request, no reply
	denied, vetoed bool // by a rule: the request, its reply
	silent         bool // no log line (set-log-level silent)
	replayed       logs.Replay
	answered       bool // by a rule, as wished
	served         bool // answered inside
	felled         bool // the server was marked down while its reply was awaited
	method         wire.Method
	phase          byte // where it stands: R Q C H D, as in termination codes
	term           [2]byte
}

// Request decides what happens to a request whose head is in x. Edits of the
// rules are made in x.Req.
func (l *Life) Request(rules *Rules, x *rule.Ctx, out *rule.Outcome, loop int) Order {
	l.begin(rules, loop, 'R')
	l.method, l.upgrade = x.Req.Method, x.Req.Upgrade || x.Req.Method == wire.MethodConnect
	l.term = [2]byte{'-', '-'}
	fe := rules.Cfg
	if fe.MonitorURI != "" && string(x.Req.Path()) == fe.MonitorURI {
		l.answered, l.silent = true, true // HAProxy does not log these
		for _, c := range fe.MonitorFail {
			if c.Match(x) {
				return l.answer(503, errorAnswer(nil, fe, 503), 'L', 'R')
			}
		}
		if a := fe.Errors[200]; a != nil {
			return l.answer(200, a, 'L', 'R')
		}
		return l.answer(200, monitorAnswer, 'L', 'R')
	}
	return l.Resume(x, out)
}

// Resume goes on with the request, at first and behind a Hold order: x.Body is
// then what came of its body.
func (l *Life) Resume(x *rule.Ctx, out *rule.Outcome) Order {
	fe := l.rules.Cfg
	l.marks = x.Marks
	switch l.step {
	case frontBody:
		if l.step = frontRules; fe.BufferRequest && hasBody(x.Req) {
			return l.holds(fe.Timeouts.HTTPRequest, 0)
		}
		fallthrough
	case frontRules:
		if o, ended := l.ruled(fe, x, out); ended {
			return o
		}
		fallthrough
	case chooseBackend:
		l.step = backBody
		l.be = l.rules.choose(x)
		if l.be == nil {
			return l.fail(503, 'S', 'C')
		}
		l.cfg = l.be.Config()
		l.enter() // the backend's rules see the stream in its figures
		fallthrough
	case backBody:
		x.Backend, x.BackendID = l.cfg.Name, l.cfg.ID
		if l.step = backRules; l.wantsBody() && hasBody(x.Req) && !x.BodyWhole {
			return l.holds(l.cfg.Timeouts.HTTPRequest, 0)
		}
		fallthrough
	case backRules:
		x.Backend, x.BackendID = l.cfg.Name, l.cfg.ID
		if l.cfg != fe && l.cfg.Name != fe.Name {
			if o, ended := l.ruled(l.cfg, x, out); ended {
				return o
			}
		}
	}
	l.step = placing
	if fe.UniqueIDHeader != "" && len(x.UniqueID) > 0 {
		x.Scratch = append(x.Scratch[:0], fe.UniqueIDHeader...)
		x.Req.Add(x.Scratch, x.UniqueID)
	}
	l.forwardFor(x)
	l.originalTo(x)
	l.repeatable(x)
	return l.place(x)
}

// wantsBody says whether the backend looks at bodies before it chooses.
func (l *Life) wantsBody() bool {
	return l.cfg.BufferRequest || l.cfg.Balance.CheckPost && l.method == wire.MethodPost
}

// holds is the order to wait for a body, all of it or at least so much.
func (l *Life) holds(d time.Duration, atLeast int64) Order {
	l.atLeast = atLeast
	return Order{Kind: Hold, Delay: d}
}

// hasBody says whether there is a body to wait for.
func hasBody(r *wire.Request) bool {
	return r.Body == wire.BodyChunked || r.Body == wire.BodyLength && r.Length > 0
}

// ruled runs the rules of one proxy; ended says that its order is the last word.
func (l *Life) ruled(p *config.Proxy, x *rule.Ctx, out *rule.Outcome) (o Order, ended bool) {
	if l.at == 0 {
		if o, ended := l.content(p, x, out); ended {
			return o, true
		}
	}
	if list := p.HTTPRequest[l.at:]; len(list) > 0 {
		out.Lenient = l.lenient
		rule.Resume(list, x, out)
		l.noteLog(out)
		switch out.Verdict {
		case rule.Allow:
		case rule.Hold:
			l.at, l.lenient = l.at+out.Next, out.Lenient
			if x.BodyWhole || !hasBody(x.Req) {
				return l.ruled(p, x, out) // there is nothing to wait for
			}
			return l.holds(out.Delay, out.AtLeast), true
		case rule.Tarpit:
			l.denied, l.tarpit = true, true
			o := l.outcome(p, out, 'P')
			l.term[1] = 'T'
			o.Delay = l.tarpitTime(p)
			return o, true
		case rule.Deny:
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
	l.at, l.lenient = 0, false
	if p.OddNames != config.PreserveNames && l.restrict(p, x.Req) {
		l.denied = true
		return l.answer(403, errorAnswer(p, l.rules.Cfg, 403), 'P', 'R'), true
	}
	if s := p.Stats; s != nil && asksPage(x.Req.Method) && bytes.HasPrefix(x.Req.Target(), []byte(s.URI)) {
		return l.page(p, x), true
	}
	return Order{}, false
}

// page lets the stats page answer, behind the body of a form where forms may
// change something.
func (l *Life) page(p *config.Proxy, x *rule.Ctx) Order {
	if len(p.Stats.Admin) > 0 && !l.formed {
		l.formed = true
		l.admin = slices.ContainsFunc(p.Stats.Admin, func(c *rule.Cond) bool { return c.Match(x) })
		if l.method == wire.MethodPost && hasBody(x.Req) && !x.BodyWhole {
			l.at = len(p.HTTPRequest) // the rules have had their say
			return l.holds(p.Timeouts.HTTPRequest, 0)
		}
	}
	return l.serve(StatsService)
}

// tarpitTime is how long a tarpit lasts: timeout tarpit, else connect.
func (l *Life) tarpitTime(p *config.Proxy) time.Duration {
	d := p.Timeouts.Tarpit
	if d == 0 {
		d = p.Timeouts.Connect
	}
	return l.timeout(rule.TimerTarpit, d)
}

// timeout is what set-timeout said, or otherwise.
func (l *Life) timeout(t rule.Timer, otherwise time.Duration) time.Duration {
	if l.marks == nil {
		return otherwise
	}
	return l.marks.Timeout(t, otherwise)
}

// noteLog keeps what the rules say about the log line; each list has its say.
func (l *Life) noteLog(out *rule.Outcome) {
	if l.logLevel != logged && (out.Silent || out.LogLevel != 0) {
		l.silent, l.logLevel = out.Silent, int8(out.LogLevel)
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
	l.service = name
	return Order{Kind: Serve}
}

func (l *Life) forwardFor(x *rule.Ctx) {
	ff := l.rules.Cfg.ForwardFor
	if l.cfg.ForwardFor != nil {
		ff = l.cfg.ForwardFor
	}
	if ff == nil || !x.Src.IsValid() { // a client of a unix socket has no address
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

// originalTo adds the address that the client connected to (option originalto).
func (l *Life) originalTo(x *rule.Ctx) {
	o := l.rules.Cfg.OriginalTo
	if l.cfg.OriginalTo != nil {
		o = l.cfg.OriginalTo
	}
	if o == nil || !x.Dst.IsValid() {
		return
	}
	addr := x.Dst.Addr()
	for _, p := range o.Except {
		if p.Contains(addr) {
			return
		}
	}
	x.Scratch = addr.AppendTo(x.Scratch[:0])
	x.Req.Add([]byte(o.Header), x.Scratch)
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
	l.enter()
	a := &l.args // as begin left it
	a.Req, a.Src, a.Loop, a.Ctx, a.Again = x.Req, x.Src.Addr(), int(l.loop), x, l.fitsProbe(x.Req)
	sticky := l.cfg.Cookie != nil && !l.tcp
	if sticky {
		l.args.Idle, l.args.Upgrade = l.client.pause(), l.upgrade
		l.requestCookie(x.Req)
	}
	if c := l.client; c != nil && len(c.Own()) > 0 && (l.cfg.PreferLastServer || c.Login) {
		l.args.Prefer = c.own.of
	}
	o := l.pick()
	l.args.Prefer = nil
	l.args.Req, l.args.Ctx, l.args.Cookie, l.args.Second = nil, nil, nil, nil // their bytes do not outlive the request's head
	if sticky {
		l.hideCookie(x.Req)
	}
	return o
}

// enter counts the stream in its backend, itself included in the load that
// decides about the servers' limits.
func (l *Life) enter() {
	if l.counted {
		return
	}
	l.counted = true
	l.be.Cur.Enter()
	l.be.Counters.Add(int(l.loop), backend.Sessions, 1)
	if !l.tcp {
		l.be.Counters.Add(int(l.loop), backend.Requests, 1)
	}
}

func (l *Life) pick() Order {
	c := l.be.Pick(&l.args)
	l.persist, l.direct, l.refresh, l.firstSeen = c.Persist, c.Direct, c.Refresh, c.First
	l.forced, l.noCookie = l.forced || c.Forced, l.noCookie || c.Ignored // for every try
	return l.chosen(c)
}

// chosen obeys what the backend chose.
func (l *Life) chosen(c backend.Choice) Order {
	l.probe = c.Probe
	switch {
	case c.Srv != nil:
		l.srv, l.slot, l.phase = c.Srv, true, 'C'
		return l.connect()
	case c.Full:
		l.phase, l.srv = 'Q', c.Wait
		return Order{Kind: Queue, Srv: c.Wait, Delay: l.queueTimeout()}
	}
	l.count(backend.ConnErrors)
	return l.fail(503, 'S', 'C')
}

// connect is the order to get a connection to the server; one of mode tcp is
// nobody else's, before or after.
func (l *Life) connect() Order {
	if l.tcp {
		return Order{Kind: Dial, Srv: l.srv}
	}
	return Order{Kind: Connect, Srv: l.srv}
}

// insists says that the stream goes to its server even if that is down.
func (l *Life) insists() bool { return l.direct && (l.forced || l.cfg.Persist) }

func (l *Life) queueTimeout() time.Duration {
	d := l.cfg.Timeouts.Queue
	if d == 0 {
		d = l.cfg.Timeouts.Connect
	}
	return l.timeout(rule.TimerQueue, d)
}

// Granted says that a slot on srv was passed to this stream from the queue.
func (l *Life) Granted(srv *backend.Server) Order {
	l.srv, l.slot, l.phase = srv, true, 'C'
	if l.lost.Has(srv) {
		return l.wrongSlot()
	}
	if l.from != nil {
		l.left(l.from)
		l.from = nil
	}
	return l.connect()
}

// Unqueued says that no slot came in time.
func (l *Life) Unqueued() Order {
	l.count(backend.ConnErrors)
	return l.fail(503, 's', 'Q')
}

// Connected says that the server's connection is there.
func (l *Life) Connected() Order {
	if l.tcp {
		l.begun, l.phase = true, 'D'
		return Order{Kind: Tunnel}
	}
	l.phase = 'H'
	return l.sending()
}
