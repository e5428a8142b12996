package stream

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/rule"
)

// A Kind is what an Order tells to do.
type Kind uint8

// The orders.
const (
	// Connect: get a connection to Srv, a kept one if there is one.
	Connect Kind = iota + 1
	// Dial: get a fresh connection to Srv.
	Dial
	// Queue: wait until a slot is free, at most Delay.
	Queue
	// Pause: wait for Delay, then ask again.
	Pause
	// Send: send the request, on the Life's terms.
	Send
	// Relay: pass the reply on.
	Relay
	// Tunnel: pass bytes both ways until one side ends.
	Tunnel
	// Serve: let the Life's service answer.
	Serve
	// Reply: send Answer, made here; at first wait for Delay.
	Reply
	// Drop: close the client's connection without an answer.
	Drop
	// Cut: the reply has begun and cannot be ended; break it off.
	Cut
	// Finish: all is said.
	Finish
	// Hold: keep of the body what the Life's atLeast says, or what tune.bufsize
	// takes, then Resume; at most Delay.
	Hold
	// Inspect: wait for more of what the client sends, at most Delay, and ask again.
	Inspect
)

// connects says whether the order leads to a server's connection.
func (k Kind) connects() bool { return k == Connect || k == Dial }

var kindNames = [...]string{"", "connect", "dial", "queue", "pause", "send", "relay", "tunnel", "serve", "reply", "drop", "cut", "finish", "hold", "inspect"}

func (k Kind) String() string { return kindNames[k] }

// An Order is what a Life wants to be done next. It has four words, so that the
// compiler passes it in registers: a larger one is built in memory by words and
// copied by twos, which makes the CPU wait at each of a request's dozen returns.
// What only some orders need stands in the Life.
type Order struct {
	Kind   Kind
	Srv    *backend.Server
	Delay  time.Duration
	Answer *rule.Answer
}

// terms are how a request is sent, see Send.
type terms struct {
	// keep is how many bytes of its body are kept at most, for a replay.
	keep int
	// hold is how long, head and body, a reply of known length may be that is
	// looked at only when it is whole, see MostHeld.
	hold int
}

// A Why says how a server's connection failed.
type Why uint8

// The ways to fail.
const (
	Refused Why = iota // or unreachable: the request was not received
	Reset              // or ended, without a whole reply
	Timeout
	Garbage  // the reply's framing is not HTTP
	OwnFault // no descriptor or no local port: no evidence against the server
	MarkedDown
	Absent // told at once, before there was anything to wait for: a unix socket that nobody serves
)

// Evidence is what is known of a server's connection that ended after the
// request was sent on it, and before a byte of the reply reached the client.
type Evidence struct {
	Why    Why
	Reused bool // the connection had carried a request before
	Unsent bool // proof that the server took no byte of the request
	Kept   bool // all that was sent of the request is kept and can be sent again
}

// The bounds of what is done so that a request can be sent twice.
const (
	// DefaultHold is how long, in bytes, a reply may be that waits until it is
	// whole: one buffer.
	DefaultHold = 16 << 10
	// MostHeld is for how long it does: more would be felt by those who read
	// what a server says slowly on purpose.
	MostHeld = 20 * time.Millisecond
)
