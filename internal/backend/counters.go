package backend

import (
	"crypto/tls"
	"errors"
	"sync/atomic"

	"bascule/internal/loop"
)

// A Counter names one running total of a frontend, backend or server. The
// comments give the field of HAProxy's statistics that it feeds.
type Counter uint8

// The counters.
const (
	Conns           Counter = iota // conn_tot: connections accepted (frontend)
	Sessions                       // stot: sessions (frontend), streams (backend, server)
	Requests                       // req_tot
	LBTotal                        // lbtot: times chosen by balancing, not by persistence
	BytesIn                        // bin: from clients
	BytesOut                       // bout: to clients
	DeniedReq                      // dreq
	DeniedResp                     // dresp
	DeniedConn                     // dcon
	DeniedSess                     // dses
	ReqErrors                      // ereq
	ConnErrors                     // econ
	RespErrors                     // eresp
	Retries                        // wretr
	Redispatches                   // wredis
	Reply1xx                       // hrsp_1xx; the classes must stay in this order
	Reply2xx                       // hrsp_2xx
	Reply3xx                       // hrsp_3xx
	Reply4xx                       // hrsp_4xx
	Reply5xx                       // hrsp_5xx
	ReplyOther                     // hrsp_other
	ClientAborts                   // cli_abrt
	ServerAborts                   // srv_abrt
	Intercepted                    // intercepted
	Connects                       // connect: connections opened to a server
	Reuses                         // reuse: requests sent on a kept connection
	InternalErrors                 // eint
	ClosesRestart                  // ws_restart: WebSockets ended here, or by the death of their server, with Close 1012
	ClosesAway                     // ws_away: with Close 1001
	ClosesBare                     // ws_bare: without a Close frame, in the middle of one
	DrainMoves                     // drain_moved: users that a drain moved away from their server
	Unkept                         // requests whose body was too large, or came when memory was short, so that they could not be sent again
	Replays                        // requests sent again that a server may have taken; bascule's own from here on
	ReplaysError                   // of them: those that the server answered with an error, in a row
	ReplaysUnsent                  // requests sent again that the server provably did not take
	Races                          // of both: kept connections that ended as they were used
	ReplaysRefused                 // not sent again: the budget was used up
	ReplaysTooLarge                // not sent again: the body was not kept
	ReplaysNowhere                 // not sent again: no server was left
	Blamed                         // failures and silences that speak against a server (option fast-detect)
	FastDowns                      // times that checks at the fast pace took a server down
	SparedLast                     // … did not, since it was the last usable one
	SparedHalf                     // … or more than half of the backend within fastWindow
	Shunned                        // times that requests were sent elsewhere, since they broke on the server
	ShunProbes                     // of them, those that were sent to it all the same
	Upgrades                       // WebSockets begun, and the time from their slot to the 101 in microseconds
	UpgradeMicros
	Held       // falls behind which it had to pass its checks for longer (option flap-damping)
	Drains     // drains begun
	TLSFull    // ssl_sess: handshakes done with a new key
	TLSResumed // ssl_reused_sess: … of a session that was there
	TLSFailed  // ssl_failed_handshake
	numCounters
)

// Shaken counts a handshake of TLS that has ended, on a loop. As in HAProxy one whose
// time was over has not failed.
func (c *Counters) Shaken(on int, conn *tls.Conn, err error) {
	switch {
	case errors.Is(err, loop.ErrHandshakeLate):
	case err != nil:
		c.Add(on, TLSFailed, 1)
	case conn.ConnectionState().DidResume:
		c.Add(on, TLSResumed, 1)
	default:
		c.Add(on, TLSFull, 1)
	}
}

// CounterLine is a cache line, so that loops do not disturb each other.
const counterLine = 64

type loopCounters struct {
	n [numCounters]own
	_ [counterLine - (int(numCounters)*8)%counterLine]byte
}

// Counters are totals kept per loop and summed when read. Each loop adds only
// to its own; anybody may read.
type Counters struct {
	loops   []loopCounters
	cleared [numCounters]atomic.Int64 // the sums that count as zero
}

// NewCounters makes counters for that many loops, plus one slot (index loops)
// for goroutines outside the loops.
func NewCounters(loops int) *Counters {
	return &Counters{loops: make([]loopCounters, loops+1)}
}

// Add counts n of k on a loop.
func (c *Counters) Add(loop int, k Counter, n int64) {
	of := &c.loops[loop].n[k]
	if loop == len(c.loops)-1 {
		of.share(n)
		return
	}
	of.add(n)
}

// Sum is the total of k over all loops.
func (c *Counters) Sum(k Counter) int64 { return c.ever(k) - c.cleared[k].Load() }

// ever is the total that no Clear sets back.
func (c *Counters) ever(k Counter) int64 {
	var t int64
	for i := range c.loops {
		t += c.loops[i].n[k].load()
	}
	return t
}

// Clear sets the totals to zero (clear counters all), without a write to what
// belongs to the loops.
func (c *Counters) Clear() {
	for k := range c.cleared {
		c.cleared[k].Store(c.ever(Counter(k)))
	}
}

// A Gauge is a current number with its maximum, shared by all loops: a maximum
// of sums is not a sum of maxima.
type Gauge struct {
	cur, max atomic.Int64
	claimed  atomic.Int64 // places that are promised, see Claim
}

// Enter adds one and returns the new number.
func (g *Gauge) Enter() int64 {
	n := g.cur.Add(1)
	for m := g.max.Load(); n > m; m = g.max.Load() {
		if g.max.CompareAndSwap(m, n) {
			break
		}
	}
	return n
}

// Leave takes one away and returns the new number.
func (g *Gauge) Leave() int64 { return g.cur.Add(-1) }

// Cur is the current number, Max the largest since the start or the last Clear.
func (g *Gauge) Cur() int64 { return g.cur.Load() }

// Max is the largest number since the start or the last ClearMax.
func (g *Gauge) Max() int64 { return g.max.Load() }

// ClearMax sets the maximum to the current number (clear counters).
func (g *Gauge) ClearMax() { g.max.Store(g.cur.Load()) }
