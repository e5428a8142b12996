package live

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/events"
	"bascule/internal/stream"
)

// A world is what does not change from second to second. Figures of a frame are
// in the order of its lists.
type world struct {
	Version   string      `json:"version,omitempty"`
	Node      string      `json:"node"`
	Desc      string      `json:"desc"`
	User      string      `json:"user"`
	Admin     bool        `json:"admin"`
	Start     int64       `json:"start"` // unix seconds
	Pid       int         `json:"pid"`
	States    []string    `json:"states"` // a server's state is an index into it
	Frontends []frontView `json:"frontends"`
	Backends  []backView  `json:"backends"`
}

type frontView struct {
	Name  string   `json:"name"`
	Mode  string   `json:"mode"`
	Binds []string `json:"binds"` // with legends
	To    []int    `json:"to"`    // indexes of backends
}

type backView struct {
	Name    string       `json:"name"`
	Mode    string       `json:"mode"`
	Balance string       `json:"balance"`
	Hash    bool         `json:"hash"`
	Servers []serverView `json:"servers"`
}

type serverView struct {
	Name   string `json:"name"`
	Addr   string `json:"addr"` // with legends
	Backup bool   `json:"backup"`
	Check  bool   `json:"check"`
}

// A frame is the fleet at a moment. Its figures are arrays, in the order that
// the page knows: see front, back and server.
type frame struct {
	Now       int64          `json:"now"`  // unix milliseconds
	Proc      []int64        `json:"proc"` // connections, maxconn, bytes out/s, idle %, pages that follow
	Frontends [][]any        `json:"frontends"`
	Backends  [][]any        `json:"backends"`
	Servers   [][]any        `json:"servers"`
	Events    []events.Event `json:"events,omitempty"`
}

// A fleet is the running objects of a configuration, in its order.
type fleet struct {
	cfg      *config.Config
	fronts   []*stream.Frontend
	backends []*backend.Backend
	servers  []*backend.Server
}

// fleet looks who is there, of what a page shows.
func (b *Board) fleet(page *config.Stats) *fleet {
	f := &fleet{cfg: b.src.Config()}
	fronts, backs := map[string]*stream.Frontend{}, map[string]*backend.Backend{}
	for _, fe := range b.src.Frontends() {
		fronts[fe.Name] = fe
	}
	for _, be := range b.src.Backends() {
		backs[be.Name()] = be
	}
	for _, px := range f.cfg.Proxies {
		if !page.Shows(px.Name) {
			continue
		}
		if fe := fronts[px.Name]; px.Frontend && fe != nil {
			f.fronts = append(f.fronts, fe)
		}
		if be := backs[px.Name]; px.Backend && be != nil {
			f.backends = append(f.backends, be)
			f.servers = append(f.servers, be.Servers()...)
		}
	}
	return f
}

// same says that nothing came or went.
func (f *fleet) same(g *fleet) bool {
	return f.cfg == g.cfg && slices.Equal(f.fronts, g.fronts) && slices.Equal(f.backends, g.backends) && slices.Equal(f.servers, g.servers)
}

// world describes a fleet to a user.
func (b *Board) world(f *fleet, page *config.Stats, user string, admin bool) world {
	p := b.src.Process()
	w := world{Desc: page.ShowDesc, User: user, Admin: admin, Start: p.Start.Unix(), Pid: p.Pid, States: states,
		Frontends: []frontView{}, Backends: []backView{}}
	if !page.HideVersion {
		w.Version = p.Version
	}
	if page.ShowNode {
		w.Node = p.Node
	}
	legends := page.ShowLegends || admin
	place := map[string]int{}
	for i, be := range f.backends {
		place[be.Name()] = i
		w.Backends = append(w.Backends, viewOf(be, legends))
	}
	for _, fe := range f.fronts {
		px := fe.Rules().Cfg
		v := frontView{Name: fe.Name, Mode: px.Mode.String(), Binds: []string{}, To: []int{}}
		for _, bind := range px.Binds {
			if legends {
				v.Binds = append(v.Binds, addressOf(&bind.Addr))
			}
		}
		for _, name := range leadsTo(px) {
			if i, ok := place[name]; ok {
				v.To = append(v.To, i)
			}
		}
		w.Frontends = append(w.Frontends, v)
	}
	return w
}

func viewOf(be *backend.Backend, legends bool) backView {
	px := be.Config()
	v := backView{Name: be.Name(), Mode: px.Mode.String(), Hash: px.Balance.Algorithm.Hashes(), Servers: []serverView{}}
	v.Balance = px.Balance.Algorithm.String()
	switch {
	case !v.Hash:
	case px.Balance.Jump:
		v.Balance += ", jump"
	case px.Balance.Consistent:
		v.Balance += ", ring"
	default:
		v.Balance += ", map"
	}
	for _, srv := range be.Servers() {
		s := serverView{Name: srv.Name, Backup: srv.Config().Backup, Check: srv.Config().Check}
		if legends {
			s.Addr = serverAddress(srv)
		}
		v.Servers = append(v.Servers, s)
	}
	return v
}

// addressOf is where a bind listens.
func addressOf(a *config.Address) string {
	if a.Kind != config.AddrTCP || !a.IP.IsValid() {
		return "unix"
	}
	return netip.AddrPortFrom(a.IP, uint16(a.Port)).String()
}

func serverAddress(srv *backend.Server) string {
	if a := srv.Addr(); a.IsValid() {
		return a.String()
	}
	return "unix"
}

// leadsTo are the backends that a frontend's requests may go to, as far as its
// lines name them.
func leadsTo(px *config.Proxy) (names []string) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, s := range px.UseBackend {
		if s.Backend != nil {
			add(s.Backend.Name)
		}
	}
	if px.DefaultBackend != nil {
		add(px.DefaultBackend.Name)
	}
	if px.Backend && len(px.Servers) > 0 {
		add(px.Name)
	}
	return names
}

// frame is the fleet now.
func (b *Board) frame(f *fleet, news []events.Event) frame {
	p := b.src.Process()
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	fr := frame{Now: now.UnixMilli(), Frontends: [][]any{}, Backends: [][]any{}, Servers: [][]any{}, Events: news,
		Proc: []int64{p.Conns, p.MaxConn, b.src.Rates.Process().BytesOut.Per, p.IdlePercent, int64(b.followers)}}
	for _, fe := range f.fronts {
		fr.Frontends = append(fr.Frontends, b.front(fe))
	}
	for _, be := range f.backends {
		fr.Backends = append(fr.Backends, b.back(be))
	}
	for _, srv := range f.servers {
		fr.Servers = append(fr.Servers, b.server(srv, now))
	}
	return fr
}

// front: sessions, requests/s, connections/s, errors/s, requests in all.
func (b *Board) front(fe *stream.Frontend) []any {
	h, rates := b.fronts[fe], b.src.Rates.Frontend(fe)
	if h == nil {
		h = &history{}
	}
	return []any{fe.Cur.Cur(), h.figures.Reqs, rates.Conns.Per, h.figures.Errs, fe.Counters.Sum(backend.Requests)}
}

// back: up, sessions, requests/s, errors/s, p50, p99, queued (with those of its
// servers), WebSockets, servers in use, servers.
func (b *Board) back(be *backend.Backend) []any {
	h := orNone(b.backs[be])
	sn := be.Snapshot()
	queued, sockets := be.Queue.Cur(), int64(0)
	for _, srv := range sn.Servers {
		queued += srv.Queue.Cur()
		sockets += srv.WebSockets.Load()
	}
	return []any{sn.Up(), be.Cur.Cur(), h.figures.Reqs, h.figures.Errs, micros(h.figures.P50), micros(h.figures.P99), queued, sockets, len(sn.Usable()), len(sn.Servers)}
}

// server: state, status in HAProxy's words, sessions, requests/s, errors/s, p50,
// p99, queued, WebSockets, weight, share of the keys in 1/10000, seconds in this
// state, the last check, milliseconds left of a drain (0: no deadline).
func (b *Board) server(srv *backend.Server, now time.Time) []any {
	h, st := orNone(b.servers[srv]), srv.State()
	left := int64(0)
	if st.Drain != nil {
		left = st.Drain.Left(now).Milliseconds()
	}
	return []any{stateNumber(st) - 1, srv.Status(), srv.Cur.Cur(), h.figures.Reqs, h.figures.Errs, micros(h.figures.P50), micros(h.figures.P99),
		srv.Queue.Cur(), srv.WebSockets.Load(), st.Weight(), int64(math.Round(b.shareOf(srv) * 10000)),
		int64(max(now.Sub(st.Since), 0) / time.Second), checkWords(st), left}
}

func checkWords(st *backend.State) string {
	c := &st.Check
	if !c.Enabled || c.Paused || c.Duration < 0 {
		return ""
	}
	words := c.Status.String()
	if c.Info != "" {
		words += ": " + c.Info
	}
	return words + " in " + c.Duration.Round(100*time.Microsecond).String()
}

// orNone is the history of what was not sampled yet.
func orNone(h *history) *history {
	if h == nil {
		return &history{figures: figures{P50: -1, P99: -1}}
	}
	return h
}

func micros(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Microseconds()
}

// message is one event of the stream (HTML, server-sent events): no line of the
// data has an end in it, since JSON escapes them.
func message(kind string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil { // numbers and texts alone: it cannot be
		text = []byte("null")
	}
	var m strings.Builder
	m.WriteString("event: ")
	m.WriteString(kind)
	m.WriteString("\ndata: ")
	m.Write(text)
	m.WriteString("\n\n")
	return []byte(m.String())
}
