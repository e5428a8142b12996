package backend

import "time"

// How many WebSockets a drain closes in a second follows what the servers that their
// users come back to show that they can take.
const (
	// firstPace is where it begins. A client that comes back costs another server a
	// connection, an upgrade and mostly a login: 50 in a second are little beside its
	// work, and a thousand are gone after 20 s.
	firstPace = 50
	// mostPace and leastPace bound what is learnt. More go only where the deadline
	// would not be kept.
	mostPace, leastPace = 500, 5
	// pacedEvery is how long what the others do is looked at before the pace changes.
	pacedEvery = time.Second
	// enoughUpgrades in that time say something about the time that they take.
	enoughUpgrades = 5
	// strainedTimes is how much longer than in the best second so far an upgrade may
	// take, and strainedBy how much longer at least, before it says that there is no
	// room for more.
	strainedTimes = 4
	strainedBy    = 20 * time.Millisecond
	// strainedShare of the requests may fail beside twice what did before, and so do
	// strainedFails at least, before that says so too.
	strainedShare = 0.05
	strainedFails = 3
)

// takings are totals of the servers that are left, since they began.
type takings struct {
	servers  int           // how many there are: with another number the totals are not comparable
	upgrades int64         // WebSockets that have begun
	took     time.Duration // from the slot to the 101, of all of them
	requests int64         // streams
	failed   int64         // connections, replies and requests that failed
}

// takings adds up what the usable servers have taken.
func (sn *Snapshot) takings() (t takings) {
	for _, s := range sn.usable {
		t.servers++
		t.upgrades += s.Counters.ever(Upgrades)
		t.took += time.Duration(s.Counters.ever(UpgradeMicros)) * time.Microsecond
		t.requests += s.Counters.ever(Sessions)
		t.failed += s.failures()
	}
	return t
}

// failures counts what has failed on the server since it began: connections,
// replies, and requests that it answered with an error of its own.
func (s *Server) failures() int64 {
	return s.Counters.ever(ConnErrors) + s.Counters.ever(RespErrors) + s.Counters.ever(Reply5xx)
}

// A pacing is what a drain has learnt. The zero value has learnt nothing.
type pacing struct {
	rate  float64       // WebSockets a second; 0: firstPace
	best  time.Duration // of an upgrade in the best second; 0: not known
	usual float64       // the part of what they got that failed before anybody was sent
	seen  time.Time     // the last look
	then  takings
}

// pace is how many WebSockets are closed in a second unless the deadline asks for
// more.
func (p *pacing) pace() float64 {
	if p.rate == 0 {
		return firstPace
	}
	return p.rate
}

// learn takes in what the others have taken by now, and how many streams wait for a
// slot. closing: WebSockets are being sent to them. Then the pace is half when they are
// strained, and a quarter more when they took what came.
func (p *pacing) learn(t takings, queued int64, closing bool, now time.Time) {
	if p.seen.IsZero() || t.servers != p.then.servers {
		p.seen, p.then = now, t
		return
	}
	if now.Sub(p.seen) < pacedEvery {
		return
	}
	n, failed, took := t.upgrades-p.then.upgrades, t.failed-p.then.failed, t.took-p.then.took
	all := max(t.requests-p.then.requests, n, failed)
	p.seen, p.then = now, t
	mean, share := time.Duration(0), 0.0
	if n >= enoughUpgrades {
		mean = took / time.Duration(n)
	}
	if failed >= strainedFails {
		share = float64(failed) / float64(all)
	}
	switch {
	case !closing:
		p.usual = max(p.usual, share)
	case queued > 0, share > 2*p.usual+strainedShare,
		p.best > 0 && mean > strainedTimes*p.best && mean > p.best+strainedBy:
		p.rate = max(p.pace()/2, leastPace)
	case mean > 0:
		p.rate = min(p.pace()*5/4, mostPace)
	}
	if mean > 0 && (p.best == 0 || mean < p.best) {
		p.best = mean
	}
}
