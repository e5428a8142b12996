package backend

import (
	"bascule/internal/balance"
	"bascule/internal/config"
)

// A Snapshot is what picking works with: immutable, replaced as a whole when
// the usable servers or their weights change.
type Snapshot struct {
	Servers []*Server // all, in the order of the file
	Act     int       // usable servers that are no backups
	Bck     int       // usable backups
	Weight  int       // of the servers in use, in the units of the file
	UWeight int       // likewise, without slowstart

	usable   []*Server // those in use: the active ones, else backups
	weights  []int     // theirs, effective
	sequence []uint16  // indexes of usable: roundrobin, static-rr
	ring     *balance.Ring
	table    *balance.Table
	cookies  map[string]holder // nil: the backend has no cookie
	cookie   *config.Cookie
	balance  config.Balance
}

// A holder is who a cookie's value stands for; srv is nil when all servers of
// that value are down.
type holder struct{ srv *Server }

// Up says that a server is usable, or that the backend has none at all.
func (sn *Snapshot) Up() bool { return len(sn.usable) > 0 || len(sn.Servers) == 0 }

// Usable are the servers that balancing chooses from. It must not be changed.
func (sn *Snapshot) Usable() []*Server { return sn.usable }

// dynamic says that the algorithm follows changes of weight one by one
// (HAProxy: dynamic algorithms).
func dynamic(p *config.Proxy) bool {
	switch p.Balance.Algorithm {
	case config.StaticRR:
		return false
	case config.Source, config.URI:
		return p.Balance.Consistent
	}
	return true
}

// build makes the snapshot of servers in their present states.
func build(cfg *config.Proxy, servers []*Server) *Snapshot {
	sn := &Snapshot{Servers: servers, balance: cfg.Balance, cookie: cfg.Cookie}
	var active, backups []*Server
	for _, s := range servers {
		switch {
		case !s.State().Usable():
		case s.Config().Backup:
			backups = append(backups, s)
		default:
			active = append(active, s)
		}
	}
	sn.Act, sn.Bck = len(active), len(backups)
	switch sn.usable = active; {
	case len(active) > 0 || len(backups) == 0:
	case cfg.AllBackups:
		sn.usable = backups
	default:
		sn.usable = backups[:1]
	}
	entries := make([]balance.Entry, len(sn.usable))
	total := 0
	for i, s := range sn.usable {
		st := s.State()
		entries[i] = balance.Entry{ID: uint32(s.ID()), Weight: st.EWeight}
		sn.weights = append(sn.weights, st.EWeight)
		sn.UWeight += st.UWeight
		total += st.EWeight
	}
	sn.Weight = (total + weightScale - 1) / weightScale
	sn.place(cfg.Balance, entries)
	sn.persist(cfg)
	return sn
}

// place prepares what the algorithm looks servers up in.
func (sn *Snapshot) place(bal config.Balance, entries []balance.Entry) {
	switch bal.Algorithm {
	case config.RoundRobin:
		sn.sequence = balance.RoundRobin(sn.weights)
	case config.StaticRR:
		sn.sequence = balance.Map(entries).Slots()
	case config.Random:
		sn.ring = balance.NewRing(entries)
	case config.Source, config.URI:
		if bal.Consistent {
			sn.ring = balance.NewRing(entries)
		} else {
			sn.table = balance.Map(entries)
		}
	}
}

// persist lists the values of the backend's cookie. Of servers with the same
// value the first that is up counts.
func (sn *Snapshot) persist(cfg *config.Proxy) {
	if cfg.Cookie == nil {
		return
	}
	sn.cookies = make(map[string]holder, len(sn.Servers))
	for _, s := range sn.Servers {
		value := s.Config().Cookie
		if value == "" || sn.cookies[value].srv != nil {
			continue
		}
		if s.State().Persists() {
			sn.cookies[value] = holder{s}
		} else {
			sn.cookies[value] = holder{}
		}
	}
}
