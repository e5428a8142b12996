package stats

import (
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/stream"
)

// A Kind is what a row shows, numbered as in the field "type".
type Kind uint8

// The kinds.
const (
	Frontend Kind = iota
	Backend
	Server
	Listener
	numKinds
)

func (k Kind) String() string { return [...]string{"Frontend", "Backend", "Server", "Listener"}[k] }

// letter begins a line of the typed output.
func (k Kind) letter() byte { return "FBSL"[k] }

// Kinds is a set of Kind.
type Kinds uint8

const (
	onF   Kinds = 1 << Frontend
	onB   Kinds = 1 << Backend
	onS   Kinds = 1 << Server
	onL   Kinds = 1 << Listener
	onFB        = onF | onB
	onBS        = onB | onS
	onFBS       = onF | onB | onS
	onAll       = onF | onB | onS | onL
)

// Has says that k is in the set.
func (ks Kinds) Has(k Kind) bool { return ks&(1<<k) != 0 }

// A Row is one line of the statistics. It reads the running objects when it
// is asked, but for what must be of one moment: the state of a server.
type Row struct {
	Kind    Kind
	Proxy   *config.Proxy
	legends bool
	now     time.Time
	maxconn int64 // slim of a frontend, fullconn of a backend

	stopping bool
	fe       *stream.Frontend
	bound    *stream.Bound // of a listener
	rates    FrontendRates
	be       *backend.Backend
	snap     *backend.Snapshot
	status   *backend.Status
	srv      *backend.Server
	state    *backend.State
}

// A Filter says which rows are wanted; the zero value takes all.
type Filter struct {
	Proxy   int           // its ID, 0: all
	Kinds   Kinds         // 0: all
	Server  int           // its ID, 0: all
	Up      bool          // no servers that are down or in maintenance
	NoMaint bool          // no servers in maintenance
	Scope   string        // part of the proxy's name, in any case
	Page    *config.Stats // shows what is within its `stats scope`; nil: all
	// Legends shows addresses, cookies and algorithms, which are not for
	// everybody: `stats show-legends`, and sockets of level operator.
	Legends bool
}

// Rows are the frontends, servers and backends in the order of the file; the
// frontend, the servers and the backend of a `listen` stand together.
func Rows(src *Source, f Filter) []Row {
	c := src.Config()
	b := builder{filter: f, source: src, global: int64(c.Global.MaxConn), now: time.Now(), fes: src.frontends(), bes: src.backends()}
	p := src.Process()
	if b.stopping = p.Stopping; b.global == 0 {
		b.global = p.MaxConn
	}
	b.full = c.FullConns(b.global)
	for _, px := range c.Proxies {
		if f.Proxy != 0 && px.ID != f.Proxy || !strings.Contains(strings.ToLower(px.Name), strings.ToLower(f.Scope)) || !f.Page.Shows(px.Name) {
			continue
		}
		if px.Frontend {
			b.frontend(px)
		}
		if px.Backend {
			b.backend(px)
		}
	}
	return b.rows
}

type builder struct {
	filter   Filter
	source   *Source
	global   int64 // maxconn of the process
	now      time.Time
	stopping bool
	fes      map[string]*stream.Frontend
	bes      map[string]*backend.Backend
	full     map[string]int64 // by backend: connections of all frontends that lead there
	rows     []Row
}

func (b *builder) wants(k Kind) bool { return b.filter.Kinds == 0 || b.filter.Kinds.Has(k) }

func (b *builder) row(k Kind, px *config.Proxy) Row {
	return Row{Kind: k, Proxy: px, legends: b.filter.Legends, now: b.now, stopping: b.stopping}
}

func (b *builder) frontend(px *config.Proxy) {
	f := b.fes[px.Name]
	if f == nil {
		return
	}
	if b.wants(Frontend) {
		r := b.row(Frontend, px)
		r.fe, r.maxconn, r.rates = f, b.limit(f), b.source.Rates.Frontend(f)
		b.rows = append(b.rows, r)
	}
	if !b.wants(Listener) {
		return
	}
	for _, bound := range f.Bounds() {
		if b.filter.Server != 0 && bound.Bind.ID != b.filter.Server {
			continue
		}
		r := b.row(Listener, px)
		r.fe, r.bound, r.maxconn = f, &bound, int64(bound.Bind.MaxConn)
		b.rows = append(b.rows, r)
	}
}

func (b *builder) backend(px *config.Proxy) {
	be := b.bes[px.Name]
	if be == nil {
		return
	}
	if b.wants(Server) {
		for _, srv := range be.Servers() {
			st := srv.State()
			down := st.Admin.Maint() || st.Op == backend.Stopped
			if b.filter.Server != 0 && srv.ID() != b.filter.Server ||
				b.filter.Up && down || b.filter.NoMaint && st.Admin.Maint() {
				continue
			}
			r := b.row(Server, px)
			r.be, r.srv, r.state = be, srv, st
			b.rows = append(b.rows, r)
		}
	}
	if b.wants(Backend) {
		r := b.row(Backend, px)
		r.be, r.snap, r.status, r.maxconn = be, be.Snapshot(), be.Status(), b.full[px.Name]
		b.rows = append(b.rows, r)
	}
}

// limit is the maxconn of a frontend.
func (b *builder) limit(f *stream.Frontend) int64 {
	if n := f.MaxConn(); n > 0 {
		return n
	}
	return b.global
}
