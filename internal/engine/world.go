package engine

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// A world answers what rules ask of proxies and servers. It is immutable: a
// reload makes another one.
type world struct {
	backends map[string]*backend.Backend
	fronts   map[string]*stream.Frontend
	rates    *stats.Sampler
}

func (e *Engine) world(p *plan) *world {
	w := &world{backends: map[string]*backend.Backend{}, fronts: map[string]*stream.Frontend{}, rates: e.sampler}
	for _, px := range p.cfg.Proxies {
		if px.Backend {
			w.backends[px.Name] = e.backends[px.Name].Backend
		}
		if px.Frontend {
			w.fronts[px.Name] = e.fronts[px.Name]
		}
	}
	return w
}

// World answers what rules ask about proxies that do not run; rates are 0.
func World(backends map[string]*backend.Backend, fronts map[string]*stream.Frontend) rule.World {
	return &world{backends: backends, fronts: fronts}
}

// Figure is one number of a proxy or server, see rule.World.
func (w *world) Figure(f rule.Figure, proxy, server string) (int64, bool) {
	switch {
	case f >= rule.SrvConns:
		if b := w.backends[proxy]; b != nil {
			for _, s := range b.Servers() {
				if s.Name == server {
					return ofServer(f, s)
				}
			}
		}
		return 0, false
	case f >= rule.FeConns:
		if fe := w.fronts[proxy]; fe != nil {
			return w.ofFrontend(f, fe), true
		}
		return 0, false
	}
	b := w.backends[proxy]
	if b == nil {
		return 0, false
	}
	return ofBackend(f, b), true
}

func (w *world) ofFrontend(f rule.Figure, fe *stream.Frontend) int64 {
	switch f {
	case rule.FeConns:
		return fe.Cur.Cur()
	case rule.FeRequestRate:
		return w.rates.Frontend(fe).Requests.Per
	case rule.FeRate:
		return w.rates.Frontend(fe).Sessions.Per
	}
	return millis(fe.Rules().Cfg.Timeouts.Client)
}

func ofServer(f rule.Figure, s *backend.Server) (int64, bool) {
	switch f {
	case rule.SrvConns:
		return s.Cur.Cur(), true
	case rule.SrvConnsFree:
		if s.MaxConn() == 0 {
			return -1, true
		}
		return max(0, s.MaxConn()-s.Cur.Cur()), true
	case rule.SrvQueue:
		return s.Queue.Cur(), true
	case rule.SrvUp:
		if st := s.State(); st.Usable() || st.Persists() {
			return 1, true
		}
		return 0, true
	case rule.SrvRate:
		return s.Rate.Per(), true
	case rule.SrvWeight:
		return int64(s.State().Weight()), true
	case rule.SrvUWeight:
		return int64(s.State().UWeight), true
	}
	return int64(s.Config().Weight), true
}

func ofBackend(f rule.Figure, b *backend.Backend) int64 {
	cfg := b.Config()
	switch f {
	case rule.BeConns:
		return b.Cur.Cur()
	case rule.BeConnsFree:
		return connsFree(b)
	case rule.BeServers:
		if sn := b.Snapshot(); sn.Act > 0 {
			return int64(sn.Act)
		}
		return int64(b.Snapshot().Bck)
	case rule.BeQueue:
		n := b.Queue.Cur()
		for _, s := range b.Servers() {
			n += s.Queue.Cur()
		}
		return n
	case rule.BeSlots:
		return slots(b)
	case rule.BeRate:
		return b.Rate.Per()
	case rule.BeRetries:
		return int64(cfg.Retries)
	}
	return timeoutOf(f, cfg)
}

func timeoutOf(f rule.Figure, cfg *config.Proxy) int64 {
	t := &cfg.Timeouts
	switch f {
	case rule.BeTimeConnect:
		return millis(t.Connect)
	case rule.BeTimeQueue:
		return millis(t.Queue)
	case rule.BeTimeServer:
		return millis(t.Server)
	case rule.BeTimeTarpit:
		return millis(t.Tarpit)
	}
	return millis(t.Tunnel)
}

// connsFree is the free slots of the usable servers; backups count only when
// nothing else is usable.
func connsFree(b *backend.Backend) int64 {
	n := int64(0)
	for _, s := range b.Snapshot().Usable() {
		if s.MaxConn() == 0 {
			return -1
		}
		n += max(0, s.MaxConn()-s.Cur.Cur())
	}
	return n
}

// slots is the free slots of the servers that are up and of their queues.
func slots(b *backend.Backend) int64 {
	n := int64(0)
	for _, s := range b.Servers() {
		if !s.State().Usable() {
			continue
		}
		cfg := s.Config()
		if s.MaxConn() == 0 || cfg.MaxQueue == 0 {
			return -1
		}
		n += s.MaxConn() - s.Cur.Cur() + int64(cfg.MaxQueue) - s.Queue.Cur()
	}
	return max(0, n)
}

func millis(d time.Duration) int64 { return int64(d / time.Millisecond) }
