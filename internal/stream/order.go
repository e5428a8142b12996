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
	// Connect: get a connection to Srv, a kept one unless Fresh.
	Connect Kind = iota + 1
	// Queue: wait until a slot is free, at most Delay.
	Queue
	// Pause: wait for Delay, then ask again.
	Pause
	// Send: send the request; keep at most Keep bytes of its body for a replay.
	Send
	// Relay: pass the reply on; hold at most Hold bytes back before the first.
	Relay
	// Tunnel: pass bytes both ways until one side ends.
	Tunnel
	// Serve: let Service answer.
	Serve
	// Reply: send an answer made here.
	Reply
	// Drop: close the client's connection without an answer.
	Drop
	// Cut: the reply has begun and cannot be ended; break it off.
	Cut
	// Finish: all is said.
	Finish
)

var kindNames = [...]string{"", "connect", "queue", "pause", "send", "relay", "tunnel", "serve", "reply", "drop", "cut", "finish"}

func (k Kind) String() string { return kindNames[k] }

// An Order is what a Life wants to be done next.
type Order struct {
	Kind    Kind
	Srv     *backend.Server
	Fresh   bool
	Delay   time.Duration
	Keep    int
	Hold    int
	Status  int
	Answer  *rule.Answer
	Service string
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
)
