// Package report turns what a drill saw into figures, judges them, and shows them: as a
// table, as JSON and as one page that needs nothing else.
package report

import (
	"time"

	"bascule/internal/drill/traffic"
	"bascule/internal/fleet"
)

// Evidence is everything that was seen of one fault. Times are since the start of the
// load; Never stands for what did not happen.
type Evidence struct {
	Records  []traffic.Record
	Servers  []string // by the records' numbers
	Executed []fleet.Execution
	Begun    time.Time // of the load: executions carry the time of day

	Injecting, Injected  time.Duration
	Down                 time.Duration // the balancer took a victim out
	Mending, Mended, Up  time.Duration
	Ended                time.Duration // the last request was due before it
	Victims              []string
	States               []State
	Sockets              []SocketEvent
	Connected, OnVictims int // WebSockets when the fault began
	Chat                 Chat
	Busy                 float64 // share of the machine's time, 0…1
}

// Never is the time of what did not happen.
const Never time.Duration = -1

// State is a server's state from a time on.
type State struct {
	Server string        `json:"server"`
	Status string        `json:"status"` // of `show stat`
	At     time.Duration `json:"at_ns"`
}

// SocketEvent is the beginning or the end of a WebSocket.
type SocketEvent struct {
	At     time.Duration
	Opened bool
	Server string
	Code   int // of the Close frame; -1: it ended without one
	Victim bool
}

// Chat is the balance of the numbered messages.
type Chat struct {
	Said    int64 `json:"said"`
	Lost    int64 `json:"lost"`    // said and not stored, or stored and not delivered
	Doubled int64 `json:"doubled"` // stored or delivered twice
}

// Class is a kind of request as far as a balancer may repeat it; a set of them. The
// values are those of the drill's expectations.
type Class uint

// The classes.
const (
	Safe Class = 1 << iota
	Idempotent
	Keyed
	Plain
	Chats
)

// classOf is the class of each kind of request.
var classOf = [traffic.Kinds]Class{
	traffic.Get: Safe, traffic.Sticky: Safe, traffic.HLS: Safe,
	traffic.Put: Idempotent, traffic.Delete: Idempotent,
	traffic.Keyed: Keyed, traffic.Post: Plain,
}

// Expect is what a fault may cost; the zero value forbids everything and limits no time.
type Expect struct {
	Lost, Cut, Twice Class
	P99, Detect      time.Duration
	Detects          bool
	Why              string
}
