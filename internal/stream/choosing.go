package stream

import (
	"bascule/internal/backend"
	"bascule/internal/wire"
)

// choosing is what a Life knows until the reply has begun.
type choosing struct {
	client    *Client // nil in tests without one
	args      backend.Args
	firstSeen int64            // of the cookie, for maxlife
	retries   int              // left
	most      int              // retries at the start; 0: nothing is tried twice
	rests     int              // of the first retry's pause
	asked     int              // servers asked since the last pause, the first apart
	from      *backend.Server  // left for a queue
	lost      backend.Failures // servers that failed with the request in hand: never again
	direct    bool             // the cookie chose the server
	refresh   bool             // its dates must be written anew (maxidle)
	forced    bool             // force-persist: nothing is redispatched
	noCookie  bool             // none is inserted: ignore-persist
	repeats   bool             // idempotent, or counts so: may be sent again after a proof of death
	once      bool             // not to be sent twice (disable-l7-retry)
	anew      bool             // behind the pause a server is chosen again
	asMethod  wire.Method      // as the server is asked
	whole     bool             // the request was there, body and all, before a server was chosen
	upgrade   bool
	probe     bool // sent to a server that is shunned, to see whether it replies
	doubted   bool // a server's error was not passed on: what comes now is the answer

	// Of orders that have no room for it:
	terms   terms  // of Send
	atLeast int64  // bytes of the body that Hold waits for; 0: all of it
	service string // that Serve asks

	late    bool // the time of inspect-delay is over
	step    step // how far the rules came
	at      int  // actions of the step's list that are behind a wait for the body
	lenient bool // strict-mode off was said in front of that wait
	tarpit  bool // the answer waits for timeout tarpit
	formed  bool // the body of a form for the stats page was asked for
	admin   bool // stats admin permits what it says
}

// begin forgets what came before, but for whose it is.
func (l *Life) begin(rules *Rules, loop int, phase byte) {
	ch := l.choosing
	if ch == nil {
		ch = new(choosing)
	}
	client, marks := ch.client, l.marks
	*ch = choosing{}
	*l = Life{} // literals with fields are built elsewhere and copied
	ch.client = client
	l.choosing, l.marks, l.rules, l.loop, l.phase = ch, marks, rules, int32(loop), phase
}

// A step is a part of what happens to a request before its server is chosen, and
// to the head of its reply.
type step uint8

// The steps, in the order of HAProxy's analysers.
const (
	frontBody step = iota
	frontRules
	chooseBackend
	backBody
	backRules
	placing
	backReply // the response rules of the backend
	frontReply
)
