package master

import (
	"bascule/internal/config"
	"bascule/internal/engine"
)

// complete gives the sockets that cfg asks for and the master lacks: what systemd
// offers, and what it has to open. It is called with mu held, or before anything runs.
func (m *Master) complete(cfg *config.Config, loops int) (engine.Sockets, error) {
	have := engine.Sockets{}
	have.Add(m.sockets)
	offered := m.opt.Offered.For(cfg, have)
	have.Add(offered)
	fresh, err := engine.Complete(cfg, loops, have)
	if err != nil {
		offered.Close()
		return nil, err
	}
	fresh.Add(offered)
	return fresh, nil
}

// sayUnclaimed warns of sockets at which clients wait for nobody.
func (m *Master) sayUnclaimed() {
	var extra []*config.Bind
	if m.opt.Socket != nil {
		extra = append(extra, engine.SocketBind(m.opt.Socket))
	}
	for _, name := range m.opt.Offered.Unclaimed(m.cfg, extra...) {
		m.log.Warn(engine.UnclaimedText(name))
	}
}
