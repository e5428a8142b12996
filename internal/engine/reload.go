package engine

import (
	"fmt"
	"strings"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/stream"
)

// Reload makes the process read its configuration again (Options.Reload).
// log tells what was found; after false nothing has changed.
func (e *Engine) Reload() (ok bool, log string) {
	if e.opt.Reload == nil {
		return false, "this process cannot read its configuration again"
	}
	ok, log = e.opt.Reload()
	return ok, log
}

// Refused counts a reload that failed before Swap, and logs why.
func (e *Engine) Refused(log string) {
	e.mu.Lock()
	e.refused++
	e.mu.Unlock()
	e.tell(backend.LevelAlert, "Reload refused, the configuration in force is unchanged.\n"+log)
}

// tell sends a text, line by line, to the log targets of `global`.
func (e *Engine) tell(level int, text string) {
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) != "" {
			e.hub.Log(e.Config().Global.Logs, level, line)
		}
	}
}

// Swap makes cfg the configuration in force. have are sockets that were opened
// for it by the master; what is missing is opened here. After an error nothing
// has changed and have is closed. Binds that cfg does not have go on until
// Release.
//
// Backends, frontends and listeners are compared by name and address: what
// stays keeps its servers' state, its sessions and its counters.
func (e *Engine) Swap(cfg *config.Config, have Sockets) (notes []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() {
		if err != nil {
			e.refused++
			e.tell(backend.LevelAlert, "Reload refused, the configuration in force is unchanged.\n"+err.Error())
			return
		}
		e.tell(backend.LevelNotice, "Reload done, the new configuration is in force.")
	}()
	if have == nil {
		have = Sockets{}
	}
	if e.stopping.Load() {
		have.Close()
		return nil, fmt.Errorf("the process is stopping")
	}
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
	e.swap(p)
	e.reloads++
	return notes, nil
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

// swap puts a plan in force while traffic goes on.
func (e *Engine) swap(p *plan) {
	before := e.order.Load()
	e.hub.Apply(targets(p.cfg))
	e.raise(p.cfg, len(e.loops), len(p.keep))
	for _, b := range p.backends {
		e.run(b)
	}
	// Servers first: rules that come into force find them.
	for _, px := range p.cfg.Proxies {
		if b := e.backends[px.Name]; px.Backend && b != nil {
			_ = b.Ask(applied(px)) // fails only when stopping
		}
	}
	e.adopt(p)
	for _, a := range p.listeners {
		e.serve(a)
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
	e.checks.Apply(e.order.Load().backends)
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
	for _, f := range before.fronts {
		if !fronts[f.Name] {
			delete(e.fronts, f.Name)
			f.Apply(lastOf(f.Rules()))
			e.buried.conns.Add(f.Counters.Sum(backend.Conns))
			e.buried.requests.Add(f.Counters.Sum(backend.Requests))
			e.buried.bytes.Add(f.Counters.Sum(backend.BytesOut))
		}
	}
	for _, b := range before.backends {
		if backends[b.Name()] {
			continue
		}
		r := e.backends[b.Name()]
		delete(e.backends, b.Name())
		empty := *b.Config()
		empty.Servers = nil
		_ = b.Ask(applied(&empty))
		e.gone[r] = true
	}
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

// Reloads counts the reloads that were put in force and that were refused.
func (e *Engine) Reloads() (done, refused int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reloads, e.refused
}
