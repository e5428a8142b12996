package explain

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// A world is the proxies of a configuration, built and not started: no socket
// is opened, no check runs, no connection is made.
type world struct {
	backends map[string]*backend.Backend
	rules    *stream.Rules
	front    *stream.Frontend
	loop     *loop.Loop
	car      *stream.Carrier
}

// nowhere stands for the address of a server whose name is not known on this
// machine (RFC 5737): it takes part all the same.
var nowhere = netip.MustParseAddr("192.0.2.1")

// build makes the world of cfg with those servers down.
func build(cfg *config.Config, fe *config.Proxy, down []*config.Server, call func(service string)) *world {
	w := &world{backends: map[string]*backend.Backend{}}
	for _, p := range cfg.Proxies {
		if p.Backend {
			w.backends[p.Name] = backend.New(withServers(p, down), backend.Env{Loops: 1})
		}
	}
	l := loop.ByHand(0, slog.New(slog.DiscardHandler), func() {}) // nothing takes time here
	env := &stream.Env{Loops: 1, Log: slog.New(slog.DiscardHandler), Total: backend.NewCounters(1)}
	quiet := *fe
	quiet.Logs = nil // nothing is logged
	w.rules = stream.NewRules(&quiet, func(name string) *backend.Backend { return w.backends[name] }, services(call))
	w.rules.Backends = w.backends
	w.front = stream.NewFrontend(fe.Name, env)
	w.rules.World = engine.World(w.backends, map[string]*stream.Frontend{fe.Name: w.front})
	w.front.Apply(w.rules)
	w.loop = l
	w.car = &stream.Carrier{Loop: l, Env: env}
	return w
}

// withServers is p with servers as they are explained: known addresses, and
// those that are down in maintenance.
func withServers(p *config.Proxy, down []*config.Server) *config.Proxy {
	q := *p
	q.Servers = nil
	for _, s := range p.Servers {
		t := *s
		if t.Unresolved {
			t.Unresolved, t.Addr.IP = false, nowhere
		}
		t.Disabled = t.Disabled || slices.Contains(down, s)
		q.Servers = append(q.Servers, &t)
	}
	return &q
}

// find gives the servers of those names.
func find(cfg *config.Config, names []string) ([]*config.Server, error) {
	var list []*config.Server
	for _, name := range names {
		px, server, both := strings.Cut(name, "/")
		if !both {
			server = name
		}
		found := false
		for _, p := range cfg.Proxies {
			for _, s := range p.Servers {
				if s.Name == server && (!both || p.Name == px) {
					list, found = append(list, s), true
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no server '%s'", name)
		}
	}
	return list, nil
}
