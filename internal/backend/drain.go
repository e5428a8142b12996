package backend

import (
	"sync/atomic"
	"time"

	"bascule/internal/config"
)

// SetDrain is "set server … state drain deadline D at-idle I": a drain that
// ends. Users of a cookie are moved at their first pause of AtIdle, WebSockets
// are closed one after the other, and what is left after Deadline is ended.
type SetDrain struct {
	Srv              *Server
	Deadline, AtIdle time.Duration
}

func (e SetDrain) apply(b *Backend) error {
	now := time.Now()
	b.happen(ending{e.Deadline, e.AtIdle}, now, e.Srv)
	b.ease(now)
	return nil
}

// A Stage is how far a drain has come.
type Stage uint8

// The stages. Each does what those before it do.
const (
	Lasting  Stage = iota // without a deadline: users of a cookie stay
	Moving                // users of a cookie are moved at their pauses
	Closing               // WebSockets are closed, a few at a time
	LastCall              // users are moved without a pause, so that their requests can end in time
	Ending                // the deadline: what is left is ended
	Over                  // nobody is left
)

func (s Stage) String() string {
	return [...]string{"lasting", "moving", "closing", "last-call", "ending", "over"}[s]
}

const (
	// DefaultAtIdle is the pause at which a user is moved if the order names
	// none: longer than a page takes to load its parts.
	DefaultAtIdle = 10 * time.Second
	// lastCallPart of the deadline, and mostLastCall, is the time before it in
	// which no more requests come to the server, so that those under way end by
	// themselves: nearly all requests are shorter than 10 s.
	lastCallPart = 5
	mostLastCall = 10 * time.Second
	// endingFor bounds the wait for what was ended at the deadline.
	endingFor = 2 * time.Second
	// settled is how long after the order a server without sessions is believed
	// to have none: whoever chose it just before has its slot by then.
	settled = time.Second
)

// A Draining is a drain under way; only its Tally changes.
type Draining struct {
	Begun  time.Time
	Until  time.Time     // zero: no deadline
	AtIdle time.Duration // the pause at which a user is moved
	Stage  Stage
	Tally  *DrainTally
	// Removed says that a reload took the server out: nobody chooses it any more.
	Removed bool

	paced Pace // of the closing of tunnels
}

// A DrainTally counts what a drain does. Any goroutine may add and read.
type DrainTally struct {
	Moved  atomic.Int64 // requests whose cookie named the server and that went elsewhere
	Closed atomic.Int64 // WebSockets that were told
	Cut    atomic.Int64 // tunnels and requests that were ended otherwise
	Kept   atomic.Int64 // requests whose cookie named the server and that it got
	Lately atomic.Int64 // those of the last LatelyFor

	last atomic.Int64     // of Kept, nanoseconds since 1970; 0: none
	ring [latelyFor]int64 // Kept at the last seconds; of the owner
	at   int
}

// LatelyFor is how far DrainTally.Lately looks back.
const (
	LatelyFor = latelyFor * time.Second
	latelyFor = 10
)

// sample moves Lately on by a second.
func (t *DrainTally) sample() {
	n := t.Kept.Load()
	t.Lately.Store(n - t.ring[t.at])
	t.ring[t.at] = n
	t.at = (t.at + 1) % latelyFor
}

// Pace is how many WebSockets are closed in a second, unless the deadline asks for more.
func (d *Draining) Pace() int { return int(d.paced.pace()) }

// Left is the time until the deadline, 0 behind it or without one.
func (d *Draining) Left(now time.Time) time.Duration {
	if d.Until.IsZero() {
		return 0
	}
	return max(d.Until.Sub(now), 0)
}

func (d *Draining) total() time.Duration { return d.Until.Sub(d.Begun) }

// closeAt is when WebSockets begin to be closed: users of HTTP alone had one
// pause by then, but at least half of the time is left.
func (d *Draining) closeAt() time.Time { return d.Begun.Add(min(d.AtIdle, d.total()/2)) }

func (d *Draining) lastCall() time.Time {
	return d.Until.Add(-min(d.total()/lastCallPart, mostLastCall))
}

// ending is the order to drain until a deadline.
type ending struct{ deadline, atIdle time.Duration }

func (o ending) on(t *turn) {
	ordered(Drain).on(t)
	t.follow()
	t.Drain = &Draining{Begun: t.now, Until: t.now.Add(o.deadline), AtIdle: o.atIdle, Stage: Moving, Tally: t.Drain.Tally}
	t.note(noteDrainUntil, causeNone)
}

// follow keeps Drain where a drain is ordered, and only there.
func (t *turn) follow() {
	switch drains := t.Admin&drainMask != 0; {
	case t.Removed:
	case !drains:
		t.Drain = nil
	case t.Drain == nil:
		t.Drain = &Draining{Begun: t.now, Tally: new(DrainTally)}
		t.drains = true
	}
}

// seen is what there is on a draining server at a moment.
type seen struct {
	sessions, queued    int64
	webSockets, tunnels int64     // of the sessions; tunnels: others than WebSockets
	sticky              time.Time // of the last request that its cookie brought
	sticks              bool      // cookies or use-server bring requests
	alone               bool      // no other server could take its users
	others              takings   // of the usable servers
	waiting             int64     // streams that wait for one of them
}

// An Ease asks for tunnels to be ended, or for all streams.
type Ease struct {
	Srv        *Server
	WebSockets int  // so many, if they stand between two frames
	Tunnels    int  // so many others
	Forced     bool // WebSockets within a frame too
	All        bool // and requests: the deadline has come
	Tally      *DrainTally
}

// on moves a drain with a deadline on.
func (s seen) on(t *turn) {
	if t.Drain == nil || t.Drain.Until.IsZero() || t.Drain.Stage == Over {
		return
	}
	d := *t.Drain
	switch {
	case s.none(&d, t.now), d.Stage == Ending && !t.now.Before(d.Until.Add(endingFor)):
		d.Stage = Over
		t.retire = true
		t.note(noteDrainOver, causeNone)
	case !t.now.Before(d.Until):
		d.Stage = Ending
		t.requeue = true
		t.ease = Ease{All: true, Forced: true}
	default:
		s.pace(&d, t)
	}
	t.Drain = &d
}

// none says that nobody is left: there are no sessions, and no user has come
// for as long as a pause.
func (s seen) none(d *Draining, now time.Time) bool {
	if s.sessions > 0 || s.queued > 0 {
		return false
	}
	if d.Stage == Ending || d.Stage == LastCall && !s.alone {
		return true
	}
	wait, since := d.AtIdle, d.Begun
	if !s.sticks {
		wait = settled
	} else if s.alone {
		return false
	}
	if s.sticky.After(since) {
		since = s.sticky
	}
	return now.Sub(since) >= wait
}

// pace finds the stage and how many tunnels go now. WebSockets are spread over
// the time until the last call, other tunnels, which cannot be told, over the
// time behind it.
func (s seen) pace(d *Draining, t *turn) {
	begin := func(stage Stage, at time.Time) {
		if d.Stage < stage && !t.now.Before(at) {
			d.Stage, d.paced.at = stage, t.now
		}
	}
	begin(Closing, d.closeAt())
	begin(LastCall, d.lastCall())
	d.paced.learn(s.others, s.waiting, d.Stage == Closing, t.now)
	switch {
	case s.alone:
		d.paced.at = t.now
	case d.Stage == Closing:
		t.ease = Ease{WebSockets: d.paced.Share(s.webSockets, d.lastCall(), t.now)}
	case d.Stage == LastCall:
		t.ease = Ease{WebSockets: int(s.webSockets), Forced: true, Tunnels: d.paced.Share(s.tunnels, d.Until, t.now)}
	}
}

// A Pace spreads the closing of tunnels over a time.
type Pace struct {
	at time.Time // it has come so far
	pacing
}

// NewPace begins at a moment.
func NewPace(at time.Time) Pace { return Pace{at: at} }

// Share is how many of left go now, so that none is left at the end.
func (p *Pace) Share(left int64, end, now time.Time) int {
	rate := max(p.pace(), float64(left)/max(end.Sub(p.at).Seconds(), 0.001))
	n := int(rate * now.Sub(p.at).Seconds())
	if n > 0 {
		p.at = now
	}
	return min(n, int(left))
}

// moves says whether a user whose cookie names the server goes elsewhere with
// this request, and counts it. A tunnel that began now would be cut.
func (d *Draining) moves(srv *Server, sn *Snapshot, a *Args, date *dated) bool {
	moves := d.Stage != Lasting && len(sn.usable) > 0 &&
		(d.Stage >= LastCall || a.Upgrade || d.paused(sn.cookie, a, date))
	if moves {
		d.Tally.Moved.Add(1)
		srv.Counters.Add(a.Loop, DrainMoves, 1)
		srv.b.Counters.Add(a.Loop, DrainMoves, 1)
		return true
	}
	d.Tally.Kept.Add(1)
	d.Tally.last.Store(time.Now().UnixNano())
	return false
}

// paused says that the user has been away for the time of AtIdle. The date in
// the cookie knows of all connections, so it comes first.
func (d *Draining) paused(c *config.Cookie, a *Args, date *dated) bool {
	if c.MaxIdle > 0 && date.last != 0 {
		return time.Now().Unix()-date.last >= int64((d.AtIdle+time.Second-1)/time.Second)
	}
	return a.Idle >= d.AtIdle
}

// turnsAway says that a use-server line is not followed any more.
func (d *Draining) turnsAway(sn *Snapshot) bool {
	return d != nil && d.Stage >= LastCall && len(sn.usable) > 0
}
