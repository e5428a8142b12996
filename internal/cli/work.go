package cli

import (
	"bytes"

	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/internal/handover"
	"bascule/internal/master"
)

// work is the worker's side of -W: it gets sockets and files from its master.
func (p *process) work(fd string) int {
	link, err := master.OpenLink(fd)
	if err != nil {
		engine.Complain(p.stderr, err)
		return 1
	}
	signals := caught()
	world, sockets, err := link.First()
	if err != nil {
		return 1 // the master is gone, or is going to say it
	}
	l := p.loadFrom(world.Env(p.env()))
	if l.cfg == nil {
		link.Failed(l.text)
		return 1
	}
	opt := p.options(l.text)
	opt.Sockets, opt.Reload = sockets, link.Reload
	e, err := engine.New(l.cfg, opt)
	if err == nil {
		_, err = engine.Confine(&l.cfg.Global, false)
	}
	if err != nil {
		var b bytes.Buffer
		engine.Complain(&b, err)
		link.Failed(b.String())
		return 1
	}
	e.Start()
	if link.Ready() != nil {
		return 1
	}
	p.letGo()
	gone := make(chan struct{})
	go func() { // until the master is gone
		_ = link.Hear(e, func(w *handover.World, have engine.Sockets) (bool, string) { return p.reloadFrom(e, w, have) })
		close(gone)
	}()
	return p.live(e, signals, gone)
}

// reloadFrom swaps in what the master has read. The master has told the
// problems already.
func (p *process) reloadFrom(e *engine.Engine, w *handover.World, have engine.Sockets) (ok bool, log string) {
	l := p.loadFrom(w.Env(p.env()))
	if l.cfg == nil || l.verdict != config.Valid {
		have.Close()
		e.Refused(l.text)
		return false, l.text
	}
	return swap(e, l.cfg, have)
}
