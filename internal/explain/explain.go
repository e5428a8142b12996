package explain

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/stream"
)

// Explain tells what happens to a request under a configuration. Servers count
// as up, but for those that are disabled or asked to be down. The Config's
// rules are replaced by watched ones: it must not be used for anything else.
func Explain(cfg *config.Config, a Asked) (*Report, error) {
	if err := a.https(); err != nil {
		return nil, err
	}
	fe, err := a.frontend(cfg)
	if err != nil {
		return nil, err
	}
	if !a.Src.IsValid() {
		a.Src = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if _, _, err := a.head(); err != nil {
		return nil, err
	}
	report := &Report{Client: a.Src.String(), Frontend: Place{fe.Name, fe.Line}, TCP: fe.Mode == config.ModeTCP}
	if a.secure != nil {
		b := a.secure.bind(fe)
		if b == nil {
			return nil, fmt.Errorf("frontend '%s' has no bind with ssl that the URL leads to", fe.Name)
		}
		if report.TLS = a.secure.shake(b); report.TLS.Failed != "" {
			report.Request, report.Binds = a.Line, []string{b.Addr.Text}
			return report, nil
		}
	}
	down, err := find(cfg, a.Down)
	if err != nil {
		return nil, err
	}
	after, err := settle(cfg, fe, a, down) // before the rules are watched
	if err != nil {
		return nil, err
	}
	t := &telling{cfg: cfg, fe: fe, asked: a, report: report}
	rule.BeginProcess(cfg.Global.Vars)
	t.watch()
	if err := t.run(down); err != nil {
		return nil, err
	}
	if s := t.report.Server; s != nil {
		s.IfDown = after(s)
	}
	return t.report, nil
}

// settle prepares the second question: who would get the request if its server
// were down too.
func settle(cfg *config.Config, fe *config.Proxy, a Asked, down []*config.Server) (func(*Server) string, error) {
	plain := *fe
	copies := *cfg
	copies.Proxies = nil
	for _, p := range cfg.Proxies {
		q := *p
		copies.Proxies = append(copies.Proxies, &q)
	}
	return func(s *Server) string {
		more := down
		for _, p := range copies.Proxies {
			for _, t := range p.Servers {
				if t.Name == s.Name && t.Line == s.At {
					more = append(more[:len(more):len(more)], t)
				}
			}
		}
		w := build(&copies, &plain, more, func(string) {})
		defer w.loop.End()
		d := &side{asked: &a, fe: w.front, see: func(*side) {}}
		w.ask(d, a)
		if d.srv == nil {
			return ""
		}
		return d.srv.Name
	}, nil
}

// ask sends the request into the world.
func (w *world) ask(d *side, a Asked) {
	w.car.Dialer = d
	info := &stream.Client{
		From: netip.AddrPortFrom(a.Src, clientPort), To: destination(w.rules.Cfg),
		Accepted: w.loop.Now(), Wall: time.Now().UnixNano(), TLS: a.secured() != nil,
	}
	for _, list := range []struct {
		rules  []*rule.Action
		tls    *tls.Conn
		denied backend.Counter
	}{{w.rules.Cfg.TCP.Connection, nil, backend.DeniedConn}, {w.rules.Cfg.TCP.Session, a.secured(), backend.DeniedSess}} {
		if ok, _ := w.car.Admit(w.front, list.rules, info, list.tls, list.denied); !ok {
			d.refused = true
			return
		}
	}
	if w.rules.Cfg.Mode == config.ModeTCP {
		w.car.BeginConnection(d, w.front, info)
		return
	}
	_, req, err := a.head()
	if err != nil {
		return // was seen to be right
	}
	w.car.Begin(d, w.front, req, info, w.loop.Now())
}

// destination is the address that the client connected to: that of the first
// bind, on loopback where it takes any.
func destination(p *config.Proxy) netip.AddrPort {
	for _, b := range p.Binds {
		if b.Addr.Kind == config.AddrTCP && b.Addr.IP.IsValid() {
			ip := b.Addr.IP
			if ip.IsUnspecified() {
				ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
			}
			return netip.AddrPortFrom(ip, uint16(b.Addr.Port))
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
}

// lines are the lines of a head.
func lines(head []byte) []string {
	return strings.Split(strings.TrimRight(string(head), "\r\n"), "\r\n")
}

// compare marks what is new and what is gone; case and order do not count.
func compare(before, after []string) []Line {
	left := map[string]int{}
	for _, l := range before {
		left[strings.ToLower(l)]++
	}
	var list []Line
	for _, l := range after {
		mark := "+"
		if left[strings.ToLower(l)] > 0 {
			left[strings.ToLower(l)]--
			mark = ""
		}
		list = append(list, Line{mark, l})
	}
	for _, l := range before {
		if left[strings.ToLower(l)] > 0 {
			left[strings.ToLower(l)]--
			list = append(list, Line{"-", l})
		}
	}
	return list
}

func hex(hash uint32) string { return fmt.Sprintf("%08x", hash) }
