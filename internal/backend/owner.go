package backend

import (
	"time"

	"bascule/internal/config"
)

// happen changes a server's state and carries out what follows from it. Only
// Run's goroutine calls it.
func (b *Backend) happen(s *Server, h happening, now time.Time) {
	prev := s.State()
	next, fx := after(*prev, h, now)
	s.state.Store(&next)
	s.limit.Store(int64(next.limit(s.Config().MaxConn, now)))
	if prev.Usable() != next.Usable() || prev.Persists() != next.Persists() ||
		prev.EWeight != next.EWeight || prev.UWeight != next.UWeight {
		b.snap.Store(build(b.cfg.Load(), b.Servers()))
	}
	b.effect(s, &next, fx, now)
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
	if fx.requeue && (!st.Persists() || b.cfg.Load().Redispatch != 0) {
		requeued = b.redistribute(s)
	}
	b.tell(s, st, fx.notes, requeued)
	b.account(now)
	if fx.arrived && cfg.ShutdownBackupOnUp && !cfg.Backup && st.EWeight > 0 {
		b.closeBackups()
	}
	b.wake()
	if fx.probe {
		select {
		case s.probe <- struct{}{}:
		default:
		}
	}
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
func (b *Backend) tell(s *Server, st *State, notes []note, requeued int) {
	if len(notes) == 0 {
		return
	}
	sn, cfg := b.snap.Load(), b.cfg.Load()
	sc := scene{backend: b.name, server: s.Name, backup: s.Config().Backup, logChecks: cfg.LogHealthChecks,
		st: st, act: sn.Act, bck: sn.Bck, sessions: s.Cur.Cur(), requeued: requeued, queued: s.Queue.Cur()}
	for _, n := range notes {
		if n.kind == noteCheck && !cfg.LogHealthChecks {
			continue
		}
		level, text := sc.tell(n)
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
	} else {
		st.Downs++
		text := "backend " + b.name + " has no server available!"
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
			servers = append(servers, newServer(b, c, now))
			continue
		}
		servers = append(servers, s)
		changes = append(changes, change{s, s.reconfigure(c, e.Cfg, now)})
	}
	for _, s := range before.Servers {
		if old[s.Name] == nil {
			continue
		}
		next, fx := after(*s.State(), removed{}, now)
		s.state.Store(&next)
		b.gone[s.Name] = s
		changes = append(changes, change{s, fx})
	}
	b.snap.Store(build(e.Cfg, servers))
	for _, c := range changes {
		b.effect(c.s, c.s.State(), c.fx, now)
	}
	b.account(now)
	return nil
}

// reconfigure takes over a line for a server that stays.
func (s *Server) reconfigure(c *config.Server, p *config.Proxy, now time.Time) effects {
	params := s.params(c, p)
	s.cfg.Store(c)
	params.moved = s.locate(c)
	next, fx := after(*s.State(), configured(params), now)
	s.state.Store(&next)
	s.limit.Store(int64(next.limit(c.MaxConn, now)))
	return fx
}

// forget drops removed servers whose last session has ended.
func (b *Backend) forget() {
	if b.gone == nil {
		b.gone = map[string]*Server{}
	}
	for name, s := range b.gone {
		if s.Cur.Cur() == 0 {
			delete(b.gone, name)
		}
	}
}
