package stream

import (
	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// Reply decides what happens to the server's final reply. Edits are made in x.Res.
func (l *Life) Reply(x *rule.Ctx, out *rule.Outcome) Order {
	l.status = x.Res.Status
	for _, p := range [...]*config.Proxy{l.cfg, l.rules.Cfg} {
		if len(p.HTTPResponse) > 0 {
			rule.Run(p.HTTPResponse, x, out)
			l.noteLog(out)
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
	if l.tcp || a.Silent { // nothing can be said; an empty error file: close without a word
		return Order{Kind: Drop}
	}
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
