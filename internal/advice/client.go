package advice

import (
	"net/netip"
	"os"
	"slices"
	"strings"

	"bascule/internal/config"
	"bascule/internal/rule"
)

func timeoutMissing(f *finder) {
	for p := range f.proxies {
		if p.Frontend && len(p.Binds) > 0 && p.Timeouts.Client == 0 {
			f.at(p, "timeout client", "timeout client is not set")
		}
		if p.Backend && len(p.Servers) > 0 {
			if p.Timeouts.Server == 0 {
				f.at(p, "timeout server", "timeout server is not set")
			}
			if p.Timeouts.Connect == 0 {
				f.at(p, "timeout connect", "timeout connect is not set")
			}
		}
	}
}

func timeoutTunnel(f *finder) {
	for p := range f.backends {
		if p.Mode != config.ModeHTTP || p.Timeouts.Tunnel > 0 {
			continue
		}
		if p.Timeouts.Server == 0 {
			f.at(p, "timeout tunnel", "an idle WebSocket is cut after timeout client, and never where that is missing too")
			continue
		}
		f.at(p, "timeout tunnel", "an idle WebSocket is cut after the shorter of timeout client and timeout server (here %s)", p.Timeouts.Server)
	}
}

func timeoutHTTPRequest(f *finder) {
	for p := range f.frontends {
		if p.Mode == config.ModeHTTP && p.Timeouts.HTTPRequest == 0 {
			f.at(p, "timeout http-request", "a client may take as long as it likes for its request")
		}
	}
}

func cookieFlags(f *finder) {
	for p := range f.backends {
		c := p.Cookie
		if c == nil || !c.Insert && !c.Rewrite {
			continue
		}
		var missing []string
		if !c.HTTPOnly {
			missing = append(missing, "httponly")
		}
		if !c.Secure {
			missing = append(missing, "secure")
		}
		if !slices.ContainsFunc(c.Attrs, func(a string) bool { return strings.HasPrefix(strings.ToLower(a), "samesite") }) {
			missing = append(missing, "attr SameSite=Lax")
		}
		if len(missing) > 0 {
			f.at(p, "cookie", "cookie %s has no %s", c.Name, strings.Join(missing, ", no "))
		}
	}
}

func forwardForTrust(f *finder) {
	for p := range f.frontends {
		ff := p.ForwardFor
		if ff == nil || p.Mode != config.ModeHTTP || !leadsOn(p) || cleans(p.HTTPRequest, ff.Header) {
			continue
		}
		if ff.IfNone {
			f.at(p, "option forwardfor", "with if-none a client's own %s is passed on as it came", ff.Header)
			continue
		}
		f.at(p, "option forwardfor", "a client's own %s is passed on, and ours is added below it", ff.Header)
	}
}

// leadsOn says that requests to p reach servers.
func leadsOn(p *config.Proxy) bool {
	return len(p.Servers) > 0 || p.DefaultBackend != nil || len(p.UseBackend) > 0
}

// cleans says that a rule takes the header away or overwrites it.
func cleans(rules []*rule.Action, header string) bool {
	return slices.ContainsFunc(rules, func(a *rule.Action) bool {
		words := strings.Fields(a.Text())
		return (a.Name() == "del-header" || a.Name() == "set-header") && len(words) > 1 && strings.EqualFold(words[1], header)
	})
}

func httpClose(f *finder) {
	for p := range f.proxies {
		if p.Keep == config.KeepClose && p.Mode == config.ModeHTTP {
			f.at(p, "option httpclose", "connections are closed after every request")
		}
	}
}

func statsOpen(f *finder) {
	for p := range f.frontends {
		what := ""
		if p.Stats != nil && len(p.Stats.Auth) == 0 {
			what = "stats page"
		}
		metrics := slices.ContainsFunc(p.HTTPRequest, func(a *rule.Action) bool { return a.Name() == "use-service" })
		if what == "" && metrics {
			what = "metrics"
		}
		if what == "" || guarded(p.HTTPRequest) {
			continue
		}
		for _, b := range p.Binds {
			if reachable(b.Addr) {
				f.add(position(b.Line), title(p), "bind", "the %s is shown to everybody who reaches %s", []any{what, b.Addr.Text})
				break
			}
		}
	}
}

// guarded says that a rule denies requests under a condition: whom, only the
// reader can judge.
func guarded(rules []*rule.Action) bool {
	return slices.ContainsFunc(rules, func(a *rule.Action) bool {
		return (a.Name() == "deny" || a.Name() == "reject" || a.Name() == "auth") && a.Cond() != nil
	})
}

// reachable says that others than this machine's own users get there.
func reachable(a config.Address) bool {
	return a.Kind == config.AddrTCP && a.IP != (netip.Addr{}) && !a.IP.IsLoopback()
}

// othersWrite are the permission bits of everybody else.
const othersWrite os.FileMode = 0o002

func socketOpen(f *finder) {
	for i := range f.cfg.Global.StatsSockets {
		s := &f.cfg.Global.StatsSockets[i]
		switch {
		case s.Level != "admin":
		case reachable(s.Addr):
			f.global("stats socket", "%s takes orders from the network", s.Addr.Text)
		case s.Addr.Kind == config.AddrUnix && s.Mode&othersWrite != 0:
			f.global("stats socket", "%s has mode %o: every user may give orders", s.Addr.Text, s.Mode)
		}
	}
}

func noDefaultBackend(f *finder) {
	for p := range f.frontends {
		if p.Backend || p.DefaultBackend != nil || len(p.UseBackend) == 0 {
			continue
		}
		last := p.UseBackend[len(p.UseBackend)-1]
		if last.Cond != nil && !ended(p.HTTPRequest) {
			f.at(p, "use_backend", "requests that no use_backend takes get 503")
		}
	}
}

// ended says that a rule without a condition answers what comes to it.
func ended(rules []*rule.Action) bool {
	return slices.ContainsFunc(rules, func(a *rule.Action) bool { return a.Final() && a.Name() != "allow" })
}

func withoutMeaning(f *finder) {
	for _, i := range f.cfg.Ignored {
		f.add(position(i.Line), "", i.Keyword, "'%s' has no meaning here: %s", []any{i.Keyword, i.Why})
	}
}
