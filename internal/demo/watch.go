package demo

import (
	"context"
	"strings"
	"time"

	"bascule/internal/drill"
	"bascule/internal/fleet"
)

const (
	// watchEvery is how often `show stat` is asked: often enough to look live.
	watchEvery = 250 * time.Millisecond
	// rateOver is over how much time requests per second are taken, and cacheOver the
	// share of hits, of which the servers are asked once a second.
	rateOver, cacheOver = 2 * time.Second, 6 * time.Second
)

// snapshot is what the view shows of one moment.
type snapshot struct {
	at      time.Duration // since the start
	servers []serverState
	load    drill.LoadReport
	chat    drill.Chatting
	cache   float64 // share of hits of the last seconds, -1 when nobody listens
}

// serverState is one server as its process, the balancer and itself tell.
type serverState struct {
	name, backend string
	pid           int // 0: it does not run
	status        string
	check         string
	weight        int64
	sessions      int64
	requests      int64
	perSecond     float64
	sockets       int64   // WebSockets
	local, redis  int64   // upgrades whose user had logged in here, or elsewhere
	cache         float64 // share of hits of the last seconds, -1 when there is none
}

// watch keeps the snapshot fresh and notes what changes, until ctx ends.
func (d *demo) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var api map[string]fleet.APIStats
	var stream map[string]fleet.StreamStats
	for turn := 0; ; turn++ {
		if turn%4 == 0 { // each second
			api, stream = d.lab.APIStats(ctx), d.lab.StreamStats(ctx)
		}
		if rows, err := d.lab.Runtime.Stat(ctx); err == nil {
			d.mu.Lock()
			d.rows = rows
			d.mu.Unlock()
			d.watchOutages()
		}
		d.look(api, stream)
		for d.hearNotice() {
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// hearNotice notes one line of the balancer's own log, if there is one.
func (d *demo) hearNotice() bool {
	select {
	case text, ok := <-d.lab.Notices():
		if ok {
			d.note("balancer: %s", text)
		}
		return ok
	default:
		return false
	}
}

// watchOutages tells the load which backends have no server that could answer.
func (d *demo) watchOutages() {
	for _, backend := range []string{drill.APIPool, drill.StreamPool} {
		d.load.Outage(backend, d.unserved(backend))
	}
}

// unserved says whether no server of a backend both runs and is UP.
func (d *demo) unserved(backend string) bool {
	d.mu.Lock()
	rows := d.rows
	d.mu.Unlock()
	for _, srv := range d.lab.Servers() {
		if _, ok := srv.Running(); ok && srv.Backend == backend && (rows == nil || row(rows, srv).Up()) {
			return false
		}
	}
	return true
}

func row(rows []drill.Row, srv drill.LabServer) drill.Row {
	for _, row := range rows {
		if row["pxname"] == srv.Backend && row["svname"] == srv.Name {
			return row
		}
	}
	return nil
}

// look makes a snapshot and notes servers whose state has changed.
func (d *demo) look(api map[string]fleet.APIStats, stream map[string]fleet.StreamStats) {
	var hits, misses float64 // a second
	s := snapshot{at: time.Since(d.begun), load: d.load.Live(), chat: d.load.Chatting()}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, srv := range d.lab.Servers() {
		now := row(d.rows, srv)
		state := serverState{
			name: srv.Name, backend: srv.Backend, status: now["status"], check: now["check_status"],
			weight: now.Int("weight"), sessions: now.Int("scur"), requests: now.Int("stot"),
		}
		state.pid, _ = srv.Running()
		state.perSecond = d.rates.of(srv.Name, s.at, state.requests, rateOver)
		state.cache = -1
		if state.pid != 0 {
			state.sockets = api[srv.Name].WebSockets
			state.local, state.redis = api[srv.Name].UpgradesLocal, api[srv.Name].UpgradesRedis
			hit := d.rates.of(srv.Name+" hits", s.at, stream[srv.Name].Hits, cacheOver)
			miss := d.rates.of(srv.Name+" misses", s.at, stream[srv.Name].Misses, cacheOver)
			state.cache = share(hit, miss)
			hits += hit
			misses += miss
		}
		s.servers = append(s.servers, state)
		d.noteChange(s.at, state)
	}
	s.cache = share(hits, misses)
	d.state = s
}

// share is the part that hits are of all, -1 when there are none.
func share(hits, misses float64) float64 {
	if hits+misses == 0 {
		return -1
	}
	return hits / (hits + misses)
}

// noteChange notes a server's new state, without the count of its checks; d.mu is held.
func (d *demo) noteChange(at time.Duration, state serverState) {
	word, _, _ := strings.Cut(state.status, " ")
	if before := d.status[state.name]; before != "" && word != "" && before != word {
		d.events = append(d.events, event{at, state.name + " is " + word + " (was " + before + ")"})
		d.told++
	}
	if word != "" {
		d.status[state.name] = word
	}
}

// rates remembers each count's last readings.
type rates map[string][]reading

type reading struct {
	at    time.Duration
	count int64
}

// of adds a count and returns how much it grew per second in the last time over.
func (r rates) of(name string, at time.Duration, count int64, over time.Duration) float64 {
	list := append(r[name], reading{at, count})
	if n := len(list); n > 1 && count < list[n-2].count {
		list = list[n-1:] // the balancer has begun to count anew
	}
	for len(list) > 2 && at-list[0].at > over {
		list = list[1:]
	}
	r[name] = list
	if span := at - list[0].at; span > 0 {
		return float64(count-list[0].count) / span.Seconds()
	}
	return 0
}

// shown returns the last snapshot and the last events, at most n.
func (d *demo) shown(n int) (snapshot, []event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state, append([]event(nil), d.events[max(0, len(d.events)-n):]...)
}

// news returns the events since the first seen ones, and how many there were in all.
func (d *demo) news(seen int) ([]event, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(d.told-seen, len(d.events))
	return append([]event(nil), d.events[len(d.events)-n:]...), d.told
}
