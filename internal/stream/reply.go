package stream

import (
	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// Reply decides what happens to the server's final reply. Edits are made in x.Res.
func (l *Life) Reply(x *rule.Ctx, out *rule.Outcome) Order {
	l.status = int16(x.Res.Status)
	if len(l.cfg.TCP.Response) > 0 {
		if o, ended := l.inspectReply(x, out); ended {
			return o
		}
	}
	l.step, l.at, l.lenient = backReply, 0, false
	return l.ResumeReply(x, out)
}

// ResumeReply goes on with the rules of the reply in x.Res, at first and behind a
// Hold order: x.Body is then what came of its body.
func (l *Life) ResumeReply(x *rule.Ctx, out *rule.Outcome) Order {
	for ; l.step <= frontReply; l.step, l.at, l.lenient = l.step+1, 0, false {
		p := l.cfg
		if l.step == frontReply {
			if p = l.rules.Cfg; p == l.cfg || p.Name == l.cfg.Name {
				break
			}
		}
		if o, ended := l.ruledReply(p, x, out); ended {
			return o
		}
	}
	l.replyCookie(x)
	l.after(x, out)
	l.status = int16(x.Res.Status) // set-status
	l.begun, l.phase = true, 'D'
	if x.Res.Body == wire.BodyTunnel {
		return Order{Kind: Tunnel}
	}
	return Order{Kind: Relay}
}

// ruledReply runs the response rules of one proxy, as ruled does for requests.
func (l *Life) ruledReply(p *config.Proxy, x *rule.Ctx, out *rule.Outcome) (o Order, ended bool) {
	for l.at < len(p.HTTPResponse) {
		out.Lenient = l.lenient
		rule.Resume(p.HTTPResponse[l.at:], x, out)
		l.noteLog(out)
		switch out.Verdict {
		case rule.Deny:
			l.deniedReply()
			return l.answer(out.Status, l.ownAnswer(p, out), 'P', 'H'), true
		case rule.Return, rule.Redirect:
			l.answered = true
			return l.answer(out.Status, l.ownAnswer(p, out), 'L', 'H'), true
		case rule.Hold:
			l.at, l.lenient = l.at+out.Next, out.Lenient
			if x.BodyWhole || !replyHasBody(x.Res) {
				continue // there is nothing to wait for
			}
			return l.holds(out.Delay, out.AtLeast), true
		}
		break
	}
	return Order{}, false
}

// replyHasBody says whether there is a body to wait for.
func replyHasBody(r *wire.Reply) bool {
	return r.Body == wire.BodyChunked || r.Body == wire.BodyClose || r.Body == wire.BodyLength && r.Length > 0
}

// ownAnswer is what a rule says in place of the server's reply.
func (l *Life) ownAnswer(p *config.Proxy, out *rule.Outcome) *rule.Answer {
	if out.Answer != nil {
		return out.Answer
	}
	return errorAnswer(p, l.rules.Cfg, out.Status)
}

func (l *Life) deniedReply() {
	l.vetoed = true // the frontend counts it at the end
	l.be.Counters.Add(int(l.loop), backend.DeniedResp, 1)
	l.srv.Counters.Add(int(l.loop), backend.DeniedResp, 1)
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

// LateBody says that what the rules wait for of the reply's body did not come in
// time: HAProxy answers 504 then.
func (l *Life) LateBody() Order {
	l.count(backend.RespErrors)
	return l.fail(504, 's', 'H')
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
	case Garbage:
		l.term = [2]byte{'P', 'D'}
	default:
		l.term = [2]byte{'S', 'D'}
	}
	switch {
	case l.srv == nil:
	case why == MarkedDown: // it was ended here, and not by the server
	case why == Garbage:
		l.count(backend.RespErrors)
	default:
		if !l.tcp && l.status != 101 && why != Timeout {
			l.count(backend.RespErrors)
		}
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
	if l.be != nil && l.phase != 'Q' { // nothing was transferred yet
		l.be.Counters.Add(int(l.loop), backend.ClientAborts, 1)
	}
	if l.srv != nil {
		l.srv.Counters.Add(int(l.loop), backend.ClientAborts, 1)
	}
	if timeout && !l.begun {
		return l.fail(408, 'c', l.phase)
	}
	return Order{Kind: Cut}
}

// Left says that the client ended its side while its server was waited for, and
// that the backend does not wait then (option abortonclose).
func (l *Life) Left() Order {
	l.count(backend.ClientAborts)
	return l.fail(400, 'C', 'H')
}

// Refuse answers a request whose head is not to be had: malformed (400), too
// large, or not there in time (408).
func (l *Life) Refuse(rules *Rules, status int, who byte, loop int) Order {
	l.begin(rules, loop, 'R')
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
	l.term, l.status = [2]byte{who, where}, int16(status)
	l.leave()
	if l.tcp || a.Silent { // nothing can be said; an empty error file: close without a word
		return Order{Kind: Drop}
	}
	return Order{Kind: Reply, Answer: a}
}

// leave gives the slot back.
func (l *Life) leave() {
	if l.slot {
		l.slot = false
		l.srv.Release(int(l.loop))
	}
}

func (l *Life) count(k backend.Counter) {
	l.be.Counters.Add(int(l.loop), k, 1)
	if l.srv != nil {
		l.srv.Counters.Add(int(l.loop), k, 1)
	}
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
