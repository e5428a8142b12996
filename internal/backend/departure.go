package backend

import "time"

// A Departure is the drain of what a removed frontend has accepted. It has the
// stages and the pace of a server's drain with a deadline; there is no other server
// whose being usable it would wait for.
type Departure struct {
	drain *Draining
}

// NewDeparture begins at now and ends after deadline, which is more than 0.
func NewDeparture(now time.Time, deadline time.Duration) *Departure {
	return &Departure{drain: &Draining{Begun: now, Until: now.Add(deadline), AtIdle: DefaultAtIdle, Stage: Moving, Removed: true, Tally: new(DrainTally)}}
}

// Step tells what there is now, of connections altogether and of WebSockets and other
// tunnels among them, and says what is to be ended; over: nothing is left, or what was
// ended at the deadline has had its time.
func (d *Departure) Step(now time.Time, connections, webSockets, tunnels int64) (e Ease, over bool) {
	t := turn{State: &State{Drain: d.drain}, now: now}
	if connections > 0 {
		seen{sessions: connections, webSockets: webSockets, tunnels: tunnels}.on(&t)
	}
	d.drain = t.Drain
	e = t.ease
	e.Tally = d.drain.Tally
	return e, connections == 0 || d.drain.Stage == Over
}

// Tally counts what has been ended.
func (d *Departure) Tally() *DrainTally { return d.drain.Tally }

// Took is how long it has been going on.
func (d *Departure) Took(now time.Time) time.Duration { return now.Sub(d.drain.Begun) }
