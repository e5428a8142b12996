package cli

import (
	"bytes"

	"bascule/internal/admin"
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
	env := world.Env(p.env())
	var restarts int
	env.States, env.StatesAge, restarts = link.Before()
	l := p.loadFrom(env)
	if l.cfg == nil {
		link.Failed(l.text)
		return 1
	}
	opt := p.options(l.text)
	opt.Sockets, opt.Reload, opt.Commanded, opt.Restarts = sockets, link.Reload, link.Tell, restarts
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
	link.Serve(e)
	e.Start()
	if link.Ready() != nil {
		return 1
	}
	p.letGo()
	gone := make(chan struct{})
	go func() { // until the master is gone
		_ = link.Hear(e, func(w *handover.World, have engine.Sockets, o admin.ReloadOrder) (bool, string) {
			return p.reloadFrom(e, w, have, o)
		})
		close(gone)
	}()
	go link.Keep(gone) // until the master is gone
	return p.live(e, signals, gone)
}
