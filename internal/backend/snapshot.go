package backend

import (
	"slices"

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

	usable     []*Server // those in use: the active ones, else backups
	shunned    []*Server // those of usable that break what is sent to them, if others do not; nil: none
	probeEach  uint32    // one of so many requests that were to go to one of them goes there
	weights    []int     // theirs, effective
	sequence   []uint16  // indexes of usable: roundrobin, static-rr
	ring       *balance.Ring
	table      *balance.Table
	jump       *balance.Jump     // its indexes are those of Servers
	place      []int32           // of a server of Servers in usable, with jump
	before     []int64           // sum of the weights before each of usable, and of all
	cookies    map[string]holder // nil: the backend has no cookie
	cookie     *config.Cookie
	ruled      bool // it has use-server, force-persist or ignore-persist
	use        []config.ServerRule
	persists   []config.PersistRule
	stubborn   bool // option persist: a cookie is obeyed though its server is down
	redispatch bool // option redispatch
	balance    config.Balance
}

// A holder is who a cookie's value stands for. down: it cannot be used, nor can
// any other server of that value.
type holder struct {
	srv    *Server
	down   bool
	leaves *Draining // nil: it is not being drained
}

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
	}
	return !p.Balance.Algorithm.Hashes() || p.Balance.Consistent || p.Balance.Jump
}

// build makes the snapshot of servers in their present states.
func build(cfg *config.Proxy, servers []*Server) *Snapshot {
	sn := &Snapshot{Servers: servers, balance: cfg.Balance, cookie: cfg.Cookie, stubborn: cfg.Persist, redispatch: cfg.Redispatch != 0,
		ruled: len(cfg.UseServer)+len(cfg.PersistRules) > 0, use: cfg.UseServer, persists: cfg.PersistRules}
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
	if cfg.Balance.Algorithm == config.First {
		slices.SortStableFunc(sn.usable, func(a, b *Server) int { return a.ID() - b.ID() })
	}
	entries := make([]balance.Entry, len(sn.usable))
	total := 0
	for i, s := range sn.usable {
		st := s.State()
		entries[i] = balance.Entry{ID: uint32(s.ID()), Weight: st.EWeight, Key: s.ringKey()}
		sn.before = append(sn.before, int64(total))
		sn.weights = append(sn.weights, st.EWeight)
		sn.UWeight += st.UWeight
		total += st.EWeight
	}
	sn.before = append(sn.before, int64(total))
	sn.Weight = (total + weightScale - 1) / weightScale
	sn.ready(cfg.Balance, entries)
	sn.shun()
	sn.persist(cfg)
	return sn
}

// ready prepares what the algorithm looks servers up in.
func (sn *Snapshot) ready(bal config.Balance, entries []balance.Entry) {
	switch {
	case bal.Algorithm == config.RoundRobin:
		sn.sequence = balance.RoundRobin(sn.weights)
	case bal.Algorithm == config.StaticRR:
		sn.sequence = balance.Map(entries).Slots()
	case bal.Algorithm == config.Random:
		sn.ring = balance.NewRing(entries)
	case !bal.Algorithm.Hashes():
	case bal.Jump:
		sn.sequence = balance.RoundRobin(sn.weights)
		sn.slots()
	case bal.Consistent:
		sn.ring = balance.NewRing(entries)
	default:
		sn.table = balance.Map(entries)
	}
}

// slots makes the table of hash-type jump: its slots are those of all servers
// of the file, so that one that is down leaves the others' keys alone.
func (sn *Snapshot) slots() {
	all, now := make([]balance.Entry, len(sn.Servers)), make([]int, len(sn.Servers))
	sn.place = make([]int32, len(sn.Servers))
	backup := len(sn.usable) > 0 && sn.usable[0].Config().Backup
	for i, s := range sn.Servers {
		all[i].ID = uint32(s.ID())
		if st := s.State(); s.Config().Backup == backup {
			all[i].Weight = balance.Effective(max(st.IWeight, st.UWeight))
		}
		if at := slices.Index(sn.usable, s); at >= 0 {
			now[i], sn.place[i] = sn.weights[at], int32(at)
		}
	}
	sn.jump = balance.NewJump(all, now)
}

// persist lists the values of the backend's cookie. Of servers with the same
// value the first that is up counts, else the first.
func (sn *Snapshot) persist(cfg *config.Proxy) {
	if cfg.Cookie == nil {
		return
	}
	sn.cookies = make(map[string]holder, len(sn.Servers))
	for _, s := range sn.Servers {
		value := s.Cookie()
		h, known := sn.cookies[value]
		st := s.State()
		if up := st.Persists(); value != "" && (!known || h.down && up) {
			sn.cookies[value] = holder{s, !up, st.Drain}
		}
	}
}
