package engine

import (
	"cmp"
	"fmt"
	"net"
	"os"

	"bascule/internal/admin"
	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/listener"
	"bascule/internal/rule"
	"bascule/internal/stream"
)

// A plan is another configuration, built and ready to be adopted. Making it
// changes nothing that runs.
type plan struct {
	cfg       *config.Config
	backends  map[string]*running         // new ones only
	fronts    map[string]*stream.Frontend // new ones only
	listeners []*accepting                // new ones only
	feeds     map[string]*config.Bind     // listener key → what the file says of it
	feeders   map[string]string           // listener key → frontend
	sockets   map[string]net.Listener
	keep      map[string]bool // keys of all sockets that cfg asks for
}

// plan builds what cfg has and the engine has not. have are open sockets by
// key, for every new one.
func (e *Engine) plan(cfg *config.Config, have Sockets) (*plan, error) {
	e.resume(cfg)
	p := &plan{
		cfg: cfg, backends: map[string]*running{}, fronts: map[string]*stream.Frontend{},
		feeds: map[string]*config.Bind{}, feeders: map[string]string{}, sockets: map[string]net.Listener{}, keep: map[string]bool{},
	}
	for _, px := range cfg.Proxies {
		if px.Backend && e.backends[px.Name] == nil {
			p.backends[px.Name] = &running{Backend: backend.New(px, backend.Env{
				Loops: len(e.loops), Log: e.log, Notify: e.notify(px.Name), Event: e.events.Add, Shutdown: e.shutdown, Ease: e.ease,
			})}
		}
		if px.Frontend && e.fronts[px.Name] == nil {
			p.fronts[px.Name] = stream.NewFrontend(px.Name, e.env)
		}
	}
	for _, w := range wants(cfg) {
		p.keep[w.key] = true
		if w.px != nil {
			p.feeds[w.key], p.feeders[w.key] = w.bind, w.px.Name
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
		p.listeners = append(p.listeners, &accepting{Listener: l, key: w.key, sock: stream.NewSocket(loops)})
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
// before Start. lost tells which certificates of the runtime socket are gone by it.
func (e *Engine) adopt(p *plan) (lost []string) {
	if was := e.cfg.Swap(p.cfg); was != nil {
		e.asked.changed(&was.Global, &p.cfg.Global)
	}
	rule.BeginProcess(p.cfg.Global.Vars)
	e.env.MaxConn.Store(e.asked.most(int64(e.limits.Load().MaxConn)))
	e.shakes.Among(int(e.env.MaxConn.Load()))
	e.asked.settle(&p.cfg.Global.Tuning)
	e.env.Buffer.Store(int64(p.cfg.Global.BufSize))
	e.env.KeepTotal.Store(keepTotal(&p.cfg.Global.Tuning))
	for name, b := range p.backends {
		e.backends[name] = b
	}
	for name, f := range p.fronts {
		e.fronts[name] = f
	}
	for name, full := range p.cfg.FullConns(int64(cmp.Or(p.cfg.Global.MaxConn, e.limits.Load().MaxConn))) {
		if b := e.backends[name]; b != nil {
			b.SetFullConn(full)
		}
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
	w := e.world(p)
	for _, px := range p.cfg.Proxies {
		if px.Frontend {
			r := stream.NewRules(px, e.backend, e.services(px))
			r.World, r.Backends = w, w.backends
			e.fronts[px.Name].Apply(r)
		}
	}
	e.order.Store(o)
	e.tune(&p.cfg.Global.Tuning)
	for _, a := range p.listeners {
		e.listeners[a.key] = a
	}
	for key, name := range p.feeders {
		e.listeners[key].to.Store(&feed{fe: e.fronts[name], bind: p.feeds[key]})
	}
	e.bounds(p.cfg)
	for key, l := range p.sockets {
		e.sockets[key] = l
	}
	e.listening.Store(int64(len(p.keep)))
	e.admin.SetTimeout(p.cfg.Global.StatsTimeout)
	e.admin.SetMaxConn(p.cfg.Global.StatsMaxConn)
	return e.certs.Adopt(secured(p.cfg))
}

func (e *Engine) backend(name string) *backend.Backend { return e.backends[name].Backend }

// bounds tells frontends with option socket-stats which binds they have.
func (e *Engine) bounds(cfg *config.Config) {
	lists := map[string][]stream.Bound{}
	for _, w := range wants(cfg) {
		if w.px != nil && w.px.SocketStats {
			lists[w.px.Name] = append(lists[w.px.Name], stream.Bound{Socket: e.listeners[w.key].sock, Bind: w.bind})
		}
	}
	for name, f := range e.fronts {
		f.SetBounds(lists[name])
	}
}

// serveSocket answers on a stats socket at its level.
func (e *Engine) serveSocket(key string, l net.Listener) {
	name, level := "", admin.Operator
	for _, w := range wants(e.Config()) {
		if w.key == key && w.socket != nil {
			name, level = w.bind.Addr.Text, admin.ParseLevel(w.socket.Level)
		}
	}
	e.runs.Go(func() { e.admin.Serve(l, name, level) }) // until the socket is closed
}
