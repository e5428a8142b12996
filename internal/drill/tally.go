package drill

import (
	"fmt"
	"sync"
	"time"
)

// Kinds of requests in the load.
const (
	KindGet   = "GET"   // anybody's
	KindPost  = "POST"  // not idempotent: each must be executed once at most
	KindUser  = "user"  // of a logged-in user with the sticky cookie
	KindTrack = "track" // a listener's: playlists and segments
)

const (
	// windowSeconds is over how much time the live figures look back.
	windowSeconds = 5
	// maxFailures bounds the failures that are kept one by one; all are counted.
	maxFailures = 1000
)

// Failure is one request that was not answered as it should have been.
type Failure struct {
	Kind    string
	Backend string
	Sent    time.Time
	Ended   time.Time
	What    string
}

// span is a time during which something held; an open end is zero.
type span struct {
	what     string
	from, to time.Time
}

func (s span) overlaps(from, to time.Time) bool {
	return !to.Before(s.from) && (s.to.IsZero() || !from.After(s.to))
}

// Tally counts the load's requests and judges the failed ones. Safe for concurrent use.
type Tally struct {
	mu       sync.Mutex
	begun    time.Time        // guarded by mu, as all below
	kinds    map[string]int64 // requests by kind
	servers  map[string]int64 // replies by server
	all      latency          // of requests that succeeded
	lap      latency          // those since the last Lap
	seconds  [windowSeconds + 1]second
	failures []Failure
	dropped  int64  // failures that were not kept
	kills    []span // from the signal to the end of the process
	outages  []span // what: a backend, while no server of it could be reached
}

// second holds what ended in one second.
type second struct {
	at int64 // Unix time
	latency
}

// NewTally begins to count.
func NewTally() *Tally {
	return &Tally{begun: time.Now(), kinds: map[string]int64{}, servers: map[string]int64{}}
}

// Done counts one request, failed when what says how.
func (t *Tally) Done(kind, backend string, reply Reply, what string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[kind]++
	if what != "" {
		if len(t.failures) == maxFailures {
			t.dropped++
			return
		}
		t.failures = append(t.failures, Failure{kind, backend, reply.Sent, now, what})
		return
	}
	t.servers[reply.Server]++
	t.all.add(reply.Took)
	t.lap.add(reply.Took)
	s := &t.seconds[now.Unix()%int64(len(t.seconds))]
	if s.at != now.Unix() {
		*s = second{at: now.Unix()}
	}
	s.add(reply.Took)
}

// LapReport is how long successful requests took within a time.
type LapReport struct {
	Requests int64         `json:"requests"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	Max      time.Duration `json:"max_ns"`
}

// Lap reports on the requests since the last Lap.
func (t *Tally) Lap() LapReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.lap
	r := LapReport{l.n, l.quantile(0.5), l.quantile(0.99), l.max}
	t.lap = latency{}
	return r
}

// Killed notes that a server was killed: what was in flight then may fail, what was
// sent after gone may not.
func (t *Tally) Killed(server string, asked, gone time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kills = append(t.kills, span{server, asked, gone})
}

// Outage notes whether a backend has no server that runs and that the balancer takes
// for UP: then no balancer could answer.
func (t *Tally) Outage(backend string, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.outages {
		if o := &t.outages[i]; o.what == backend && o.to.IsZero() {
			if !on {
				o.to = time.Now()
			}
			return
		}
	}
	if on {
		t.outages = append(t.outages, span{what: backend, from: time.Now()})
	}
}

// LoadReport is the balance of a load.
type LoadReport struct {
	Requests int64            `json:"requests"`
	Kinds    map[string]int64 `json:"kinds"`
	Servers  map[string]int64 `json:"servers"`
	// Lost failed although a server that could have answered was there; InFlight had
	// left before a killed server was gone and failed; Unserved failed while their
	// backend had no server.
	Lost     int64 `json:"lost"`
	InFlight int64 `json:"in_flight"`
	Unserved int64 `json:"unserved"`
	// PerSecond, P50, P99 and Max are of successful requests: of the last seconds in a
	// live report, else of all.
	PerSecond float64       `json:"per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	Max       time.Duration `json:"max_ns"`
	// Examples are some of the lost ones.
	Examples []string `json:"examples,omitempty"`
}

// maxExamples is enough to see a pattern.
const maxExamples = 5

// Report judges everything since the beginning.
func (t *Tally) Report() LoadReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.judge()
	r.figures(&t.all, time.Since(t.begun).Seconds())
	return r
}

// Live is Report with the figures of the last windowSeconds whole seconds.
func (t *Tally) Live() LoadReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.judge()
	var recent latency
	whole := time.Now().Truncate(time.Second)
	now := whole.Unix()
	for i := range t.seconds {
		if s := &t.seconds[i]; s.at < now && s.at >= now-windowSeconds {
			recent.merge(&s.latency)
		}
	}
	// Behind the first second, so that nothing is divided by a moment.
	r.figures(&recent, min(windowSeconds, max(1, whole.Sub(t.begun).Seconds())))
	return r
}

func (r *LoadReport) figures(l *latency, seconds float64) {
	r.PerSecond = float64(l.n) / seconds
	r.P50, r.P99, r.Max = l.quantile(0.5), l.quantile(0.99), l.max
}

// judge sorts the failures; t.mu is held.
func (t *Tally) judge() LoadReport {
	r := LoadReport{Kinds: map[string]int64{}, Servers: map[string]int64{}, Lost: t.dropped}
	for kind, n := range t.kinds {
		r.Kinds[kind] = n
		r.Requests += n
	}
	for server, n := range t.servers {
		r.Servers[server] = n
	}
	for _, f := range t.failures {
		switch {
		case t.unserved(f):
			r.Unserved++
		case t.inFlight(f):
			r.InFlight++
		default:
			r.Lost++
			if len(r.Examples) < maxExamples {
				r.Examples = append(r.Examples, fmt.Sprintf("%s sent %.3f s after the start, failed %.3f s later: %s",
					f.Kind, f.Sent.Sub(t.begun).Seconds(), f.Ended.Sub(f.Sent).Seconds(), f.What))
			}
		}
	}
	return r
}

func (t *Tally) unserved(f Failure) bool {
	for _, o := range t.outages {
		if o.what == f.Backend && o.overlaps(f.Sent, f.Ended) {
			return true
		}
	}
	return false
}

// inFlight says whether the request had left when a server was killed.
func (t *Tally) inFlight(f Failure) bool {
	for _, kill := range t.kills {
		if f.Sent.Before(kill.to) && !f.Ended.Before(kill.from) {
			return true
		}
	}
	return false
}
