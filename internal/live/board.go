package live

import (
	"log/slog"
	"sync"
	"time"

	"bascule/internal/backend"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// A Board keeps what the pages show: the last second and the last hour of each
// server. Its methods are for any goroutine.
type Board struct {
	src *stats.Source
	log *slog.Logger
	// Tell sends a line about an order to the log targets of the file; nil: none. Set it first.
	Tell func(level int, text string)

	mu        sync.Mutex // guards the fields below
	servers   map[*backend.Server]*history
	fronts    map[*stream.Frontend]*history // of these only the last second
	backs     map[*backend.Backend]*history
	shares    map[*backend.Backend]shares
	turned    chan struct{} // closed by the next Sample, and then another one
	followers int
	closed    bool
	ending    chan struct{} // closed by Close
}

// shares are the parts of the keys that servers have, as long as the placement
// is this one.
type shares struct {
	of   *backend.Snapshot
	part map[*backend.Server]float64
}

// NewBoard makes a board; log gets a line for every action of an operator.
func NewBoard(src *stats.Source, log *slog.Logger) *Board {
	b := &Board{src: src, log: log, turned: make(chan struct{}), ending: make(chan struct{})}
	b.forget()
	return b
}

func (b *Board) forget() {
	b.servers, b.fronts = map[*backend.Server]*history{}, map[*stream.Frontend]*history{}
	b.backs, b.shares = map[*backend.Backend]*history{}, map[*backend.Backend]shares{}
}

// Close ends all pages that follow, since the process stops.
func (b *Board) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.ending)
	}
}

// wanted says that there is a live page in the configuration.
func (b *Board) wanted() bool {
	for _, px := range b.src.Config().Proxies {
		if px.Stats != nil && !px.Stats.Dead {
			return true
		}
	}
	return false
}

// Sample reads all totals once; the sampler calls it every second. Without a
// live page nothing is kept.
func (b *Board) Sample(now time.Time) {
	wanted := b.wanted()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !wanted {
		b.forget()
		return
	}
	servers, fronts, backs := map[*backend.Server]*history{}, map[*stream.Frontend]*history{}, map[*backend.Backend]*history{}
	for _, f := range b.src.Frontends() {
		h := keep(fronts, b.fronts, f)
		h.measure(f.Counters, nil, backend.ReqErrors, backend.Reply5xx)
	}
	for _, be := range b.src.Backends() {
		keep(backs, b.backs, be).measure(be.Counters, be.Latency, serverErrors...)
		for _, srv := range be.Servers() {
			h := keep(servers, b.servers, srv)
			h.measure(srv.Counters, srv.Latency, serverErrors...)
			h.put(now.Unix(), h.sampleOf(srv))
		}
	}
	b.servers, b.fronts, b.backs = servers, fronts, backs
	for be := range b.shares {
		if backs[be] == nil {
			delete(b.shares, be)
		}
	}
	close(b.turned)
	b.turned = make(chan struct{})
}

// keep takes over the history of what is still there.
func keep[K comparable](to, from map[K]*history, key K) *history {
	h := from[key]
	if h == nil {
		h = &history{}
	}
	to[key] = h
	return h
}

// serverErrors are what counts as an error of a server or a backend.
var serverErrors = []backend.Counter{backend.ConnErrors, backend.RespErrors, backend.Reply5xx}

// measure takes the growth of the totals since the last turn.
func (h *history) measure(c *backend.Counters, l *backend.Latency, errors ...backend.Counter) {
	var now totals
	now.reqs = c.Sum(backend.Requests)
	for _, k := range errors {
		now.errs += c.Sum(k)
	}
	h.figures = figures{P50: -1, P99: -1}
	if h.primed {
		// clear counters sets totals back: then nothing is known of this second.
		h.figures.Reqs, h.figures.Errs = max(now.reqs-h.before.reqs, 0), max(now.errs-h.before.errs, 0)
	}
	h.before = now
	if l != nil {
		h.percentiles(l)
	}
	h.primed = true
}

// percentiles are those of the responses of the window's seconds.
func (h *history) percentiles(l *backend.Latency) {
	now := l.Of(backend.PhaseResponse)
	if !h.primed {
		for i := range h.seen {
			h.seen[i] = now
		}
	}
	h.turn = (h.turn + 1) % len(h.seen)
	then := h.seen[h.turn] // the oldest: window turns ago
	h.seen[h.turn] = now
	lately := now.Since(&then)
	h.figures.P50, h.figures.P99 = lately.Quantile(0.5), lately.Quantile(0.99)
}

func (h *history) sampleOf(srv *backend.Server) sample {
	const most16, most32 = 1<<16 - 1, 1<<32 - 1
	f := &h.figures
	f.Cur, f.Queue, f.Sockets = srv.Cur.Cur(), srv.Queue.Cur(), srv.WebSockets.Load()
	return sample{
		reqs: uint32(min(f.Reqs, most32)), cur: uint32(min(f.Cur, most32)),
		sockets: uint16(min(f.Sockets, most16)), errs: uint16(min(f.Errs, most16)), queue: uint16(min(f.Queue, most16)),
		p50: short(f.P50), p99: short(f.P99), state: stateNumber(srv.State()),
	}
}

// shareOf is the part of its backend's keys or weights that a server has; mu is
// held.
func (b *Board) shareOf(srv *backend.Server) float64 {
	be := srv.Backend()
	sn := be.Snapshot()
	s := b.shares[be]
	if s.of != sn {
		s = shares{of: sn, part: make(map[*backend.Server]float64, len(sn.Servers))}
		for i, part := range sn.Shares() {
			s.part[sn.Servers[i]] = part
		}
		b.shares[be] = s
	}
	return s.part[srv]
}

// maxFollowers bounds the pages that follow: a wall, a team and their tabs.
// Each costs a goroutine and a frame a second, 20 KB with 200 servers.
const maxFollowers = 64

// join takes one of the places, and says whether there was one.
func (b *Board) join() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.followers == maxFollowers || b.closed {
		return false
	}
	b.followers++
	return true
}

func (b *Board) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.followers--
}

// Followers is how many pages follow now.
func (b *Board) Followers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.followers
}

// next is closed by the next turn.
func (b *Board) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.turned
}
