package engine

import (
	"fmt"
	"net"
	"os"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/listener"
	"bascule/internal/stream"
)

// A plan is another configuration, built and ready to be adopted. Making it
// changes nothing that runs.
type plan struct {
	cfg       *config.Config
	backends  map[string]*running         // new ones only
	fronts    map[string]*stream.Frontend // new ones only
	listeners []*accepting                // new ones only
	feeds     map[string]string           // listener key → frontend
	sockets   map[string]net.Listener
	keep      map[string]bool // keys of all sockets that cfg asks for
}

// plan builds what cfg has and the engine has not. have are open sockets by
// key, for every new one.
func (e *Engine) plan(cfg *config.Config, have Sockets) (*plan, error) {
	p := &plan{
		cfg: cfg, backends: map[string]*running{}, fronts: map[string]*stream.Frontend{},
		feeds: map[string]string{}, sockets: map[string]net.Listener{}, keep: map[string]bool{},
	}
	for _, px := range cfg.Proxies {
		if px.Backend && e.backends[px.Name] == nil {
			p.backends[px.Name] = &running{Backend: backend.New(px, backend.Env{
				Loops: len(e.loops), Log: e.log, Notify: e.notify(px.Name), Shutdown: e.shutdown,
			})}
		}
		if px.Frontend && e.fronts[px.Name] == nil {
			p.fronts[px.Name] = stream.NewFrontend(px.Name, e.env)
		}
	}
	for _, w := range wants(cfg) {
		p.keep[w.key] = true
		if w.px != nil {
			p.feeds[w.key] = w.px.Name
		}
		if e.listeners[w.key] != nil || e.sockets[w.key] != nil {
			continue
		}
		if err := p.open(&w, have[w.key], len(e.loops)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *plan) open(w *wanted, fds []int, loops int) error {
	l, err := listener.Open(w.bind, w.loops(loops), fds)
	if err != nil {
		return fmt.Errorf("%s", w.complaint(err))
	}
	if w.socket == nil {
		p.listeners = append(p.listeners, &accepting{Listener: l, key: w.key})
		return nil
	}
	f := os.NewFile(uintptr(fds[0]), "stats socket")
	defer f.Close() // FileListener has its own copy
	s, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("stats socket %s: %w", w.bind.Addr.Text, err)
	}
	p.sockets[w.key] = s
	return nil
}

// adopt makes a plan the engine's configuration: backends first, so that the
// frontends' rules find them, listeners last. It is called with mu held, or
// before Start.
func (e *Engine) adopt(p *plan) {
	e.cfg.Store(p.cfg)
	e.env.MaxConn.Store(int64(e.limits.Load().MaxConn))
	for name, b := range p.backends {
		e.backends[name] = b
	}
	for name, f := range p.fronts {
		e.fronts[name] = f
	}
	o := &order{}
	for _, px := range p.cfg.Proxies {
		if px.Backend {
			o.backends = append(o.backends, e.backends[px.Name].Backend)
		}
		if px.Frontend {
			o.fronts = append(o.fronts, e.fronts[px.Name])
		}
	}
	for _, px := range p.cfg.Proxies {
		if px.Frontend {
			e.fronts[px.Name].Apply(e.rules(px))
		}
	}
	e.order.Store(o)
	for _, a := range p.listeners {
		e.listeners[a.key] = a
	}
	for key, name := range p.feeds {
		e.listeners[key].fe.Store(e.fronts[name])
	}
	for key, l := range p.sockets {
		e.sockets[key] = l
	}
	e.listening.Store(int64(len(p.keep)))
	e.admin.SetTimeout(p.cfg.Global.StatsTimeout)
}

// rules are what the frontend of px does with requests.
func (e *Engine) rules(px *config.Proxy) *stream.Rules {
	r := &stream.Rules{Cfg: px, Services: e.services(px)}
	for _, s := range px.UseBackend {
		r.Switches = append(r.Switches, stream.Switch{Cond: s.Cond, Backend: e.backends[s.Backend.Name].Backend})
	}
	switch {
	case px.DefaultBackend != nil:
		r.Default = e.backends[px.DefaultBackend.Name].Backend
	case px.Backend:
		r.Default = e.backends[px.Name].Backend
	}
	return r
}

// serveSocket answers on a stats socket at its level.
func (e *Engine) serveSocket(key string, l net.Listener) {
	level := admin.Operator
	for _, w := range wants(e.Config()) {
		if w.key == key && w.socket != nil {
			level = admin.ParseLevel(w.socket.Level)
		}
	}
	e.runs.Go(func() { e.admin.Serve(l, level) }) // until the socket is closed
}
