package engine

import (
	"fmt"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/stream"
)

// Swap makes cfg the configuration in force. have are sockets that were opened
// for it by the master; what is missing is opened here. After an error nothing
// has changed and have is closed. Binds that cfg does not have go on until
// Release.
//
// Backends, frontends and listeners are compared by name and address: what
// stays keeps its servers' state, its sessions and its counters.
//
// With forget, what was set at run time is dropped: servers that stay have the
// weights, states and limits of their lines.
func (e *Engine) Swap(cfg *config.Config, have Sockets, forget bool) (notes []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() {
		if err != nil {
			e.Refused(err.Error())
			return
		}
		e.note(true, "")
		e.tell(backend.LevelNotice, "Reload done, the new configuration is in force.")
	}()
	if have == nil {
		have = Sockets{}
	}
	if e.stopping.Load() {
		have.Close()
		return nil, fmt.Errorf("the process is stopping")
	}
	have.Add(e.opt.Offered.For(cfg, e.known(have)))
	fresh, err := Complete(cfg, len(e.loops), e.known(have))
	if err != nil {
		have.Close()
		return nil, err
	}
	have.Add(fresh)
	p, err := e.plan(cfg, have)
	if err != nil {
		have.Close()
		return nil, err
	}
	notes = e.unchangeable(cfg)
	lost := e.swap(p, forget)
	for _, note := range lost {
		e.tell(backend.LevelWarning, "Reload: "+note+".")
	}
	return append(notes, lost...), nil
}

// known are the keys of all sockets that are open.
func (e *Engine) known(more Sockets) Sockets {
	s := Sockets{}
	for key := range e.listeners {
		s[key] = []int{}
	}
	for key := range e.sockets {
		s[key] = []int{}
	}
	for key := range more {
		s[key] = []int{}
	}
	return s
}

// unchangeable says what of cfg needs a new process.
func (e *Engine) unchangeable(cfg *config.Config) []string {
	var notes []string
	g, was := &cfg.Global, &e.Config().Global
	note := func(changed bool, keyword string) {
		if changed {
			notes = append(notes, fmt.Sprintf("'%s' has changed; it takes effect when the process is started again", keyword))
		}
	}
	note(Loops(cfg) != len(e.loops), "nbthread")
	note(g.Chroot != was.Chroot, "chroot")
	note(g.UID != was.UID, "user")
	note(g.GID != was.GID, "group")
	note(g.BufSize != was.BufSize || g.MaxRewrite != was.MaxRewrite || g.MaxHeaders != was.MaxHeaders, "tune.bufsize")
	note(g.LogTag != was.LogTag, "log-tag")
	return notes
}

// swap puts a plan in force while traffic goes on; for lost see adopt.
func (e *Engine) swap(p *plan, forget bool) (lost []string) {
	before := e.order.Load()
	e.hub.Apply(targets(p.cfg))
	if err := e.raise(p.cfg, len(e.loops), len(p.keep)); err != nil {
		// It is too late to refuse; maxconn is what can be kept.
		e.log.Warn(err.Error(), "maxconn", e.limits.Load().MaxConn)
	}
	for _, b := range p.backends {
		e.run(b)
	}
	// Servers first: rules that come into force find them.
	var told []<-chan error
	for _, px := range p.cfg.Proxies {
		if b := e.backends[px.Name]; px.Backend && b != nil {
			told = append(told, b.Tell(backend.Apply{Cfg: px, Forget: forget}))
		}
	}
	for _, done := range told {
		if err := <-done; err != nil { // only when stopping
			e.log.Debug("a backend did not take its configuration", "error", err)
		}
	}
	if forget {
		e.asked.forget()
	}
	lost = e.adopt(p)
	e.reopen(forget)
	for _, a := range p.listeners {
		e.serve(a)
		if a.to.Load().fe.Stage() != stream.Open {
			a.Refuse()
		}
	}
	for key, l := range p.sockets {
		e.serveSocket(key, l)
	}
	for key, l := range e.sockets {
		if !p.keep[key] {
			e.admin.Forget(l)
			delete(e.sockets, key)
		}
	}
	for key, a := range e.listeners {
		if !p.keep[key] {
			e.leaving = append(e.leaving, a)
			delete(e.listeners, key)
		}
	}
	e.retire(before, p.cfg)
	e.check()
	for i, l := range e.loops {
		l.Post(e.planes[i].Sweep)
	}
	return lost
}

// lastOf makes the next reply of each client the last of its connection: its
// frontend is no more.
func lastOf(r *stream.Rules) *stream.Rules {
	last, cfg := *r, *r.Cfg
	cfg.Keep = config.KeepClose
	last.Cfg = &cfg
	return &last
}

// retire ends what the new configuration does not have: a removed backend is
// emptied of servers and ends with its last stream.
func (e *Engine) retire(before *order, cfg *config.Config) {
	fronts, backends := map[string]bool{}, map[string]bool{}
	for _, px := range cfg.Proxies {
		fronts[px.Name] = fronts[px.Name] || px.Frontend
		backends[px.Name] = backends[px.Name] || px.Backend
	}
	var removed []*stream.Frontend
	for _, f := range before.fronts {
		if !fronts[f.Name] {
			delete(e.fronts, f.Name)
			f.Apply(lastOf(f.Rules()))
			removed = append(removed, f)
			e.buried.conns.Add(f.Counters.Sum(backend.Conns))
			e.buried.requests.Add(f.Counters.Sum(backend.Requests))
			e.buried.bytes.Add(f.Counters.Sum(backend.BytesOut))
		}
	}
	if list := partings(removed); list != nil {
		e.runs.Go(func() { e.part(list) }) // until nothing is left of them, or the engine stops
	}
	for _, b := range before.backends {
		if backends[b.Name()] {
			continue
		}
		r := e.backends[b.Name()]
		delete(e.backends, b.Name())
		empty := *b.Config()
		empty.Servers = nil
		_ = b.Ask(backend.Apply{Cfg: &empty})
		e.gone[r] = true
	}
	e.depart()
}

// Release drains the listeners that the last Swap removed: what is queued is
// served, then they close. Whoever else has copies of their sockets, as the
// master, closes them before.
func (e *Engine) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.leaving {
		a.Drain()
	}
	e.leaving = nil
}
