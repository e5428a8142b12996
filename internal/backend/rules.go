package backend

// byRule is the server that a use-server line gives the request, nil if none
// does: the first whose condition is true and whose server is up. It also
// notes what force-persist and ignore-persist say.
func (sn *Snapshot) byRule(a *Args, c *Choice) *Server {
	for _, p := range sn.persists {
		if p.Cond.Match(a.Ctx) {
			c.Forced, c.Ignored = p.Force, !p.Force
			break
		}
	}
	if c.Ignored {
		sn.unused(a, c)
	}
	for i := range sn.use {
		r := &sn.use[i]
		if !r.Cond.Match(a.Ctx) {
			continue
		}
		var srv *Server
		if r.Server >= 0 {
			srv = sn.Servers[r.Server]
		} else {
			a.Ctx.Scratch = r.Format.Append(a.Ctx.Scratch[:0], a.Ctx)
			srv = sn.named(a.Ctx.Scratch)
		}
		if srv == nil || a.Avoid.Has(srv) || !srv.State().Persists() && !sn.stubborn && !c.Forced {
			continue
		}
		if !c.Forced && srv.State().Drain.turnsAway(sn) {
			continue
		}
		if sn.shunned != nil && sn.turnsAway(srv, a, c) {
			continue
		}
		sn.unused(a, c)
		c.Direct = true
		return srv
	}
	return nil
}

// unused says that the client's cookie, if it has one, is not looked at; its
// dates may still be wanted anew.
func (sn *Snapshot) unused(a *Args, c *Choice) {
	if sn.cookies == nil {
		return
	}
	if c.Persist = PersistNone; a.Cookie != nil {
		c.Persist = PersistUnused
	}
	d := takeApart(a.Cookie)
	if letter, aged := d.aged(sn.cookie); aged && a.Cookie != nil {
		c.Persist, d = letter, dated{}
	}
	c.First, c.Refresh = d.first, d.stale(sn.cookie)
}

func (sn *Snapshot) named(name []byte) *Server {
	for _, s := range sn.Servers {
		if s.Name == string(name) {
			return s
		}
	}
	return nil
}
