package backend

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"bascule/internal/config"
	"bascule/internal/events"
)

// AddServer is "add server": one more, in maintenance and with its checks off,
// until a reload takes it away. Its ID is the lowest that is free, unless the
// line has one.
type AddServer struct{ Cfg *config.Server }

// DelServer is "del server".
type DelServer struct{ Srv *Server }

// SetAddr is "set server … addr": until a reload changes the line's address.
// Without an address or a port (0) that part stays.
type SetAddr struct {
	Srv  *Server
	Addr netip.Addr
	Port uint16
}

// SetSSL is "set server … ssl": whether connections to the server speak TLS, until a
// reload changes that of the line.
type SetSSL struct {
	Srv *Server
	On  bool
}

// A refusal is the reason why a server is not added or removed, in HAProxy's words.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errStatic    refusal = "Backend must use a dynamic load balancing to support dynamic servers."
	errNamed     refusal = "Already exists a server with the same name in backend."
	errNumbered  refusal = "Already exists a server with the same id in backend."
	errServing   refusal = "Only servers in maintenance mode can be deleted."
	errMeant     refusal = "This server cannot be removed at runtime due to other configuration elements pointing to it."
	errUnsecured refusal = "'set server <srv> ssl' cannot be set.  default-server should define ssl settings"
	errConnected refusal = "Server still has connections attached to it, cannot remove it."
)

func (e AddServer) apply(b *Backend) error {
	cfg, servers := b.cfg.Load(), b.Servers()
	if !dynamic(cfg) {
		return errStatic
	}
	ids := map[int]bool{}
	for _, s := range servers {
		if s.Name == e.Cfg.Name {
			return errNamed
		}
		ids[s.ID()] = true
	}
	b.forget()
	if b.gone[e.Cfg.Name] != nil {
		return errConnected
	}
	c := *e.Cfg
	if c.IDFixed && ids[c.ID] {
		return errNumbered
	}
	for c.ID = max(c.ID, 1); !c.IDFixed && ids[c.ID]; {
		c.ID++
	}
	now := time.Now()
	s := newServer(b, &c, now)
	st, _ := after(*s.State(), checksSet(false), now)
	st, _ = after(st, ordered(Maint), now)
	s.enter(&st, now)
	b.list(append(slices.Clone(servers), s), now)
	b.happened(events.ServerAdded, LevelNotice, s, "Server "+b.name+"/"+s.Name+" was added from CLI.")
	return nil
}

func (e DelServer) apply(b *Backend) error {
	s := e.Srv
	switch st := s.State(); {
	case !st.Admin.Maint():
		return errServing
	case s.meant(b.cfg.Load()):
		return errMeant
	case s.Cur.Cur() > 0 || s.Queue.Cur() > 0:
		return errConnected
	}
	now := time.Now()
	st, _ := after(*s.State(), removed{}, now)
	s.state.Store(&st)
	b.list(slices.DeleteFunc(slices.Clone(b.Servers()), func(o *Server) bool { return o == s }), now)
	s.epoch.Add(1) // kept connections are used no more
	b.happened(events.ServerRemoved, LevelNotice, s, "Server "+b.name+"/"+s.Name+" was deleted from CLI.")
	return nil
}

// meant says that others name the server: those that follow it, and use-server.
func (s *Server) meant(cfg *config.Proxy) bool {
	if list := s.trackers.Load(); list != nil && len(*list) > 0 {
		return true
	}
	return slices.ContainsFunc(cfg.UseServer, func(u config.ServerRule) bool {
		return u.Server >= 0 && cfg.Servers[u.Server].Name == s.Name
	})
}

// list makes servers those of the backend. The configuration gets them too: who
// reads its servers sees those that there are.
func (b *Backend) list(servers []*Server, now time.Time) {
	before, cfg := b.Servers(), *b.cfg.Load()
	cfg.Servers, cfg.UseServer = nil, slices.Clone(cfg.UseServer)
	for _, s := range servers {
		cfg.Servers = append(cfg.Servers, s.Config())
	}
	for i := range cfg.UseServer {
		if u := &cfg.UseServer[i]; u.Server >= 0 {
			u.Server = slices.Index(servers, before[u.Server])
		}
	}
	b.cfg.Store(&cfg)
	b.snap.Store(build(&cfg, servers))
	b.account(now)
}

func (e SetAddr) apply(b *Backend) error {
	s, was := e.Srv, e.Srv.Addr()
	now := netip.AddrPortFrom(was.Addr(), was.Port())
	if e.Addr.IsValid() {
		now = netip.AddrPortFrom(e.Addr, now.Port())
	}
	if e.Port != 0 {
		now = netip.AddrPortFrom(now.Addr(), e.Port)
	}
	if now == was {
		return nil
	}
	s.at.Store(&now)
	s.locate(s.Config())
	b.happen(relocated{}, time.Now(), s)
	b.happened(events.ServerMoved, LevelNotice, s, "Server "+b.name+"/"+s.Name+" is at "+now.Addr().String()+" port "+strconv.Itoa(int(now.Port()))+" now, changed from CLI.")
	return nil
}

func (e SetSSL) apply(b *Backend) error {
	if e.Srv.Config().AnyTLS == nil {
		return errUnsecured
	}
	e.Srv.ssl.Store(&e.On)
	if e.Srv.secure(e.Srv.Config()) {
		b.happen(resecured{}, time.Now(), e.Srv)
	}
	return nil
}

// resecured says that the server is spoken to otherwise: what was kept open is of no
// use. Checks go on as they were.
type resecured struct{}

func (resecured) on(t *turn) { t.retire = true }

// relocated says that the server is somewhere else: what was kept open is of no
// use, and what the checks found was found elsewhere.
type relocated struct{}

func (relocated) on(t *turn) {
	t.retire = true
	t.administer(t.Admin &^ AddrMaint)
	if t.Op != Stopped && t.Check.Enabled {
		t.Health, t.probe = t.Rise, true
	}
}
