package backend

import (
	"fmt"
	"time"
)

// The measures of option slowstart-hold.
const (
	// enoughWarm requests of a warming server, and as many of its peers, say how they
	// compare.
	enoughWarm = 20
	// staleWarm is how long a comparison holds: a server that gets nothing must not
	// stay where it is because of what was.
	staleWarm = 10 * time.Second
	// mostWarm bounds how long a ramp is held, in times of slowstart: a server that is
	// slower than the others for good takes its part in the end.
	mostWarm = 3
	// A warming server stands out by its failures when their share is twice that of
	// its peers and warmShare more, and they are warmFails at least; by its replies
	// when they take twice as long as theirs and warmBy more.
	warmShare = 0.05
	warmFails = 3
	warmBy    = 10 * time.Millisecond
)

// efforts are totals of one server or several.
type efforts struct {
	servers, indexes int // which they are: of others the totals are not comparable
	requests, failed int64
	replies          int64
	took             time.Duration // until the replies
}

func (e *efforts) add(s *Server) {
	e.servers++
	e.indexes += s.Index
	e.requests += s.Counters.ever(Sessions)
	e.failed += s.failures()
	h := s.Latency.Of(PhaseResponse)
	e.replies += h.Count()
	e.took += h.Sum
}

func (e efforts) since(was efforts) efforts {
	e.requests -= was.requests
	e.failed -= was.failed
	e.replies -= was.replies
	e.took -= was.took
	return e
}

func (e efforts) share() float64 { return float64(e.failed) / float64(max(e.requests, e.failed, 1)) }

func (e efforts) mean() time.Duration { return e.took / time.Duration(max(e.replies, 1)) }

// standsOut says why a warming server gets no more for now, "" if nothing does.
func (e efforts) standsOut(peers efforts) string {
	switch {
	case e.failed >= warmFails && e.share() > 2*peers.share()+warmShare:
		return fmt.Sprintf("%.0f %% of its requests fail, %.0f %% of its peers'", 100*e.share(), 100*peers.share())
	case e.replies >= enoughWarm && peers.replies >= enoughWarm && e.mean() > 2*peers.mean()+warmBy:
		return fmt.Sprintf("it replies after %s, its peers after %s", e.mean().Round(100*time.Microsecond), peers.mean().Round(100*time.Microsecond))
	}
	return ""
}

// warming is what Run knows of a server in its slowstart.
type warming struct {
	own, peers efforts // at the last comparison
	at         time.Time
	why        string
}

// compare looks at what a warming server and its peers have done since the last
// comparison that had enough to go by.
func (w *warming) compare(own, peers efforts, now time.Time) string {
	e, p := own.since(w.own), peers.since(w.peers)
	switch {
	case w.at.IsZero(), peers.servers != w.peers.servers, peers.indexes != w.peers.indexes, now.Sub(w.at) >= staleWarm:
		w.why = ""
	case peers.servers == 0 || e.requests < enoughWarm || p.requests < enoughWarm:
		return w.why
	default:
		w.why = e.standsOut(p)
	}
	w.own, w.peers, w.at = own, peers, now
	return w.why
}

// warm says whether a server in its slowstart stands out against those that are
// through theirs.
func (b *Backend) warm(s *Server, now time.Time) string {
	if b.cfg.Load().NoSlowStartHold {
		return ""
	}
	var own, peers efforts
	own.add(s)
	for _, o := range b.snap.Load().usable {
		if o != s && o.State().Op == Running && !o.shunned.Load() {
			peers.add(o)
		}
	}
	return s.warming.compare(own, peers, now)
}

// on moves a slowstart on, or holds it for a second while the server stands out.
func (k ticked) on(t *turn) {
	if t.Op != Starting {
		return
	}
	holds := k.why != "" && t.Held < mostWarm*t.SlowStart
	switch {
	case holds && t.Warm == "":
		t.note(noteWarmHeld, causeNone)
	case !holds && t.Warm != "":
		t.note(noteWarmOn, causeNone)
	}
	if t.Warm = ""; holds {
		t.Warm = k.why
		t.Held = min(t.Held+rampEvery, t.now.Sub(t.Since))
	}
	if t.warmed(t.now) >= t.SlowStart {
		t.become(Running)
		t.note(noteUp, causeNone)
		t.stillDrained()
	}
}

// warmed is how far the slowstart has come: what passed without what was held.
func (st *State) warmed(now time.Time) time.Duration { return now.Sub(st.Since) - st.Held }

func (sc *scene) warmHeld() string {
	percent, _ := sc.st.Throttle()
	return fmt.Sprintf(" stays at %d%% of its slowstart: %s (option slowstart-hold).", percent, sc.st.Warm)
}
