package config

import "time"

// DrainRemoved is how long what runs on a removed server, or was accepted by a
// removed frontend, may go on: the keyword
// drain-removed. The zero value is DefaultDrainRemoved.
type DrainRemoved time.Duration

// DefaultDrainRemoved is longer than nearly every request takes, and short
// enough that nobody forgets the servers of a deploy before it is over.
// WebSockets are asked to go long before it.
const DefaultDrainRemoved = 5 * time.Minute

// leastDrainRemoved leaves users the time of one request.
const leastDrainRemoved = time.Second

// NotDrained says that what runs on a removed server ends by itself.
const NotDrained DrainRemoved = -1

// For is the time; 0: without end.
func (d DrainRemoved) For() time.Duration {
	switch d {
	case 0:
		return DefaultDrainRemoved
	case NotDrained:
		return 0
	}
	return time.Duration(d)
}

var drainRemoved = []Keyword{{Name: "drain-removed", In: inProxy, Usage: "{ <time> | off }",
	Text:    "What runs on a server that a reload has removed is drained within this time, 5m where not given: requests go on, WebSockets are closed in turn with a Close frame between two messages, from 10 s on or half of the time, whichever is sooner, and what is left at its end is cut. In a frontend it is for what that has accepted when a reload removes it. off: it ends by itself.",
	Example: ownExample("drain-removed 30s"), parse: parseDrainRemoved}}

func parseDrainRemoved(x *line) {
	if x.arg(0) == "off" {
		if x.atMost(1) {
			x.px.DrainRemoved = NotDrained
		}
		return
	}
	d, ok := x.duration(0, "drain-removed")
	if !ok {
		return
	}
	if d < leastDrainRemoved {
		x.alert(x.at(0), "'drain-removed' expects at least 1s, or 'off'.")
		return
	}
	if x.atMost(1) {
		x.px.DrainRemoved = DrainRemoved(d)
	}
}
