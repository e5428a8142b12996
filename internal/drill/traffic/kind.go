// Package traffic is an open-loop load of HTTP requests: they are due by the clock,
// whatever became of those before, and are never sent again. Every one is a Record.
package traffic

import (
	"fmt"
	"strings"
	"time"

	"bascule/internal/fleet"
)

// Kind is a kind of request.
type Kind uint8

// The kinds of request.
const (
	Get    Kind = iota // anybody's, 200 bytes to 20 KB, with a length and in chunks
	Post               // not idempotent: each may be executed once at most
	Keyed              // a POST with an Idempotency-Key
	Put                // 64 KiB
	Delete             //
	Sticky             // GETs of logged-in users with the balancer's cookie
	HLS                // segments of 64 KiB, of tracks that shall stay on their server
	Kinds              // how many there are
)

var kindNames = [Kinds]string{"GET", "POST", "keyed POST", "PUT 64 KiB", "DELETE", "sticky", "HLS"}

func (k Kind) String() string { return kindNames[k] }

// Writes says whether the request is executed: whether the fleet logs its number.
func (k Kind) Writes() bool { return k == Post || k == Keyed || k == Put || k == Delete }

// API says whether the request goes to the API servers, not to the stream servers.
func (k Kind) API() bool { return k != HLS }

// Outcome is what became of a request.
type Outcome uint8

// The outcomes.
const (
	OK     Outcome = iota // answered as it should be
	Lost                  // an error, or nothing
	Cut                   // a reply that had begun was broken off
	Short                 // a reply ended as if complete and was not what the server sent
	Unsent                // due, but the load had no connection left for it
)

var outcomeNames = [...]string{"ok", "lost", "cut", "ended as if complete", "not sent"}

func (o Outcome) String() string { return outcomeNames[o] }

// A Record is what became of one request. Times are since the start of the run.
type Record struct {
	Kind    Kind
	Outcome Outcome
	Status  uint16 // 0: none
	Server  uint8  // its number in Run.Servers; 0: unknown
	Track   uint16 // HLS only
	User    uint16 // sticky only
	Number  uint32 // from 1, the operation's id in the fleet's log
	Due     time.Duration
	Sent    time.Duration
	Ended   time.Duration
	What    string // why it is not OK
}

// Took is the latency from the time at which the request was due.
func (r *Record) Took() time.Duration { return r.Ended - r.Due }

// Mix says how many of a thousand requests are of a kind.
type Mix [Kinds]int

// DefaultMix is a site that is read more than written; a twentieth carries 64 KiB up,
// a tenth 64 KiB down.
var DefaultMix = Mix{Get: 390, Post: 100, Keyed: 60, Put: 50, Delete: 50, Sticky: 250, HLS: 100}

// Options say how much there is to do.
type Options struct {
	Rate  int // requests per second
	Mix   Mix // zero: DefaultMix
	Users int // sticky ones; 0: defaultUsers
	Seed  uint64
	// Name is the run's in the fleet's log, letters, digits and '-'.
	Name string
	// Prefix is what goes before the site's paths, such as "/t1"; normally empty.
	Prefix string
}

const (
	// defaultUsers makes a user come by every half second at 2,000 requests a second.
	defaultUsers = 250
	// tracks fit into the caches of both stream servers together, not into that of one.
	tracks, segments = 12, fleet.TrackSegments
	// maxConns bounds the connections of all kinds but Sticky together. A frozen server
	// holds those that wait for it: 1,000 a second at 2,000 requests a second.
	maxConns = 4000
	// userConns is how many connections a browser opens to one site.
	userConns = 6
	// maxWaiting bounds what waits for a connection, of one kind or user.
	maxWaiting = 4096
	// Patience is how long a client waits for a reply, from when its request was due.
	Patience = 20 * time.Second
)

// shares turns the mix into a table of kinds to draw from.
func (m Mix) shares() []Kind {
	if m == (Mix{}) {
		m = DefaultMix
	}
	var table []Kind
	for kind, n := range m {
		for range n {
			table = append(table, Kind(kind))
		}
	}
	return table
}

func (m Mix) String() string {
	var parts []string
	for kind, n := range m {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%.0f %% %s", float64(n)/10, Kind(kind)))
		}
	}
	return strings.Join(parts, ", ")
}
