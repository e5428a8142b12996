package backend

import (
	"time"

	"bascule/internal/config"
	"bascule/internal/events"
)

// happen changes the state of servers and carries out what follows from it.
// Only Run's goroutine calls it.
func (b *Backend) happen(h happening, now time.Time, servers ...*Server) {
	stale := false
	changes, prev := make([]effects, len(servers)), make([]*State, len(servers))
	for i, s := range servers {
		prev[i] = s.State()
		next, fx := after(*prev[i], h, now)
		s.enter(&next, now)
		changes[i] = fx
		stale = stale || prev[i].Usable() != next.Usable() || prev[i].Persists() != next.Persists() ||
			prev[i].EWeight != next.EWeight || prev[i].UWeight != next.UWeight || stage(prev[i]) != stage(&next)
	}
	if stale {
		b.snap.Store(build(b.cfg.Load(), b.Servers()))
	}
	for i, s := range servers {
		b.spareHold(s, &changes[i], now)
		st := s.State()
		b.effect(s, st, changes[i], now)
		if prev[i].Op != st.Op || prev[i].Admin != st.Admin {
			s.tellTrackers()
		}
	}
	b.release(now)
}

// enter makes st the state of s.
func (s *Server) enter(st *State, now time.Time) {
	s.state.Store(st)
	s.limit.Store(int64(st.MaxConn))
	s.ramp.Store(int64(st.ramp(now)))
}

// effect carries effects out: streams are closed first, so that they come back
// before the queue is shared out, and the log tells the result.
func (b *Backend) effect(s *Server, st *State, fx effects, now time.Time) {
	cfg := s.Config()
	if fx.retire {
		s.epoch.Add(1)
	}
	if fx.close && cfg.ShutdownOnDown {
		b.env.Shutdown(s, 'D')
	}
	requeued := 0
	b.effectEase(s, st, fx.ease)
	if fx.requeue && (!st.Persists() || fx.ease.All || b.cfg.Load().Redispatch != 0) {
		requeued = b.redistribute(s)
	}
	b.tell(s, st, fx, requeued)
	b.account(now)
	if fx.arrived && cfg.ShutdownBackupOnUp && !cfg.Backup && st.EWeight > 0 {
		b.closeBackups()
	}
	b.wake()
	if fx.probe {
		s.hurry(fx.within)
	}
	if fx.held {
		s.Counters.Add(b.env.Loops, Held, 1)
	}
	if fx.drains {
		s.Counters.Add(b.env.Loops, Drains, 1)
	}
	b.detect(s, fx, now)
}

// closeBackups is on-marked-up shutdown-backup-sessions.
func (b *Backend) closeBackups() {
	for _, s := range b.Servers() {
		if s.Config().Backup {
			b.env.Shutdown(s, 'U')
		}
	}
}

// tell sends the messages of a change.
func (b *Backend) tell(s *Server, st *State, fx effects, requeued int) {
	if len(fx.notes) == 0 {
		return
	}
	sn, cfg := b.snap.Load(), b.cfg.Load()
	sc := scene{backend: b.name, server: s.Name, backup: s.Config().Backup, logChecks: cfg.LogHealthChecks,
		st: st, via: s.via(), act: sn.Act, bck: sn.Bck, sessions: s.Cur.Cur(), requeued: requeued, queued: s.Queue.Cur(), webSockets: s.WebSockets.Load(), now: time.Now(), felled: fx.felled}
	for _, n := range fx.notes {
		if (n.kind == noteCheck || n.kind == noteAgent) && !cfg.LogHealthChecks {
			continue
		}
		level, text := sc.tell(n)
		b.happened(kinds[n.kind], level, s, text)
		b.env.Notify(level, text)
		if level <= LevelWarning {
			b.env.Log.Warn(text)
		} else {
			b.env.Log.Info(text)
		}
	}
}

// account follows whether the backend as a whole has a usable server.
func (b *Backend) account(now time.Time) {
	sn, old := b.snap.Load(), b.stat.Load()
	if old.Up == sn.Up() {
		return
	}
	st := Status{Up: sn.Up(), Since: now, Downs: old.Downs, downtime: old.downtime}
	if sn.Up() {
		st.downtime += now.Sub(old.Since)
		b.happened(events.BackendUp, LevelNotice, nil, "backend "+b.name+" has a server available again.")
	} else {
		st.Downs++
		text := "backend " + b.name + " has no server available!"
		b.happened(events.BackendDown, LevelEmerg, nil, text)
		b.env.Notify(LevelEmerg, text)
		b.env.Log.Error(text)
	}
	b.stat.Store(&st)
}

// apply takes over a configuration.
func (e Apply) apply(b *Backend) error {
	now, before := time.Now(), b.snap.Load()
	b.forget()
	old := make(map[string]*Server)
	for _, s := range before.Servers {
		old[s.Name] = s
	}
	b.cfg.Store(e.Cfg)
	b.ordered.Store(e.Cfg.Balance.Algorithm == config.LeastConn)
	servers := make([]*Server, 0, len(e.Cfg.Servers))
	type change struct {
		s  *Server
		fx effects
	}
	var changes []change
	for _, c := range e.Cfg.Servers {
		s := old[c.Name]
		if s == nil {
			s = b.gone[c.Name]
		}
		delete(old, c.Name)
		delete(b.gone, c.Name)
		if s == nil {
			s = newServer(b, c, now)
			b.happened(events.ServerAdded, LevelNotice, s, "Server "+b.name+"/"+s.Name+" is new in the configuration.")
			servers, changes = append(servers, s), append(changes, change{s, s.began})
			continue
		}
		servers = append(servers, s)
		changes = append(changes, change{s, s.reconfigure(c, e.Cfg, e.Forget, now)})
	}
	for _, s := range before.Servers {
		if old[s.Name] == nil {
			continue
		}
		next, fx := after(*s.State(), removed{e.Cfg.DrainRemoved.For(), DefaultAtIdle}, now)
		s.state.Store(&next)
		b.gone[s.Name] = s
		changes = append(changes, change{s, fx})
	}
	b.publishGone()
	b.snap.Store(build(e.Cfg, servers))
	for _, c := range changes {
		b.effect(c.s, c.s.State(), c.fx, now)
	}
	b.account(now)
	return nil
}

// reconfigure takes over a line for a server that stays.
func (s *Server) reconfigure(c *config.Server, p *config.Proxy, forget bool, now time.Time) effects {
	params := s.params(c, p)
	if forget || s.Config().Addr != c.Addr {
		s.at.Store(nil)
	}
	params.located = params.located || s.at.Load() != nil
	params.moved, params.forget = s.locate(c), forget
	if was := s.Config(); forget || (was.TLS == nil) != (c.TLS == nil) || c.AnyTLS == nil {
		s.ssl.Store(nil)
	}
	params.moved = s.secure(c) || params.moved
	s.setCookie(c, p)
	prev := *s.State()
	was := s.cfg.Swap(c)
	s.attend(c, p)
	if forget || was.MaxConn != c.MaxConn {
		prev.MaxConn = c.MaxConn
	}
	if at := probeAtOf(c); forget || *probeAtOf(was) != *at {
		s.probeAt.Store(at)
	}
	next, fx := after(prev, configured(params), now)
	s.enter(&next, now)
	return fx
}
