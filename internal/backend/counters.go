package backend

import "sync/atomic"

// A Counter names one running total of a frontend, backend or server. The
// comments give the field of HAProxy's statistics that it feeds.
type Counter uint8

// The counters.
const (
	Conns          Counter = iota // conn_tot: connections accepted (frontend)
	Sessions                      // stot: sessions (frontend), streams (backend, server)
	Requests                      // req_tot
	LBTotal                       // lbtot: times chosen by balancing, not by persistence
	BytesIn                       // bin: from clients
	BytesOut                      // bout: to clients
	DeniedReq                     // dreq
	DeniedResp                    // dresp
	DeniedConn                    // dcon
	ReqErrors                     // ereq
	ConnErrors                    // econ
	RespErrors                    // eresp
	Retries                       // wretr
	Redispatches                  // wredis
	Reply1xx                      // hrsp_1xx; the classes must stay in this order
	Reply2xx                      // hrsp_2xx
	Reply3xx                      // hrsp_3xx
	Reply4xx                      // hrsp_4xx
	Reply5xx                      // hrsp_5xx
	ReplyOther                    // hrsp_other
	ClientAborts                  // cli_abrt
	ServerAborts                  // srv_abrt
	Intercepted                   // intercepted
	Connects                      // connect: connections opened to a server
	Reuses                        // reuse: requests sent on a kept connection
	InternalErrors                // eint
	numCounters
)

// CounterLine is a cache line, so that loops do not disturb each other.
const counterLine = 64

type loopCounters struct {
	n [numCounters]atomic.Int64
	_ [counterLine - (numCounters*8)%counterLine]byte
}

// Counters are totals kept per loop and summed when read. Each loop adds only
// to its own; anybody may read.
type Counters struct {
	loops []loopCounters
}

// NewCounters makes counters for that many loops, plus one slot (index loops)
// for goroutines outside the loops.
func NewCounters(loops int) *Counters {
	return &Counters{loops: make([]loopCounters, loops+1)}
}

// Add counts n of k on a loop.
func (c *Counters) Add(loop int, k Counter, n int64) { c.loops[loop].n[k].Add(n) }

// Sum is the total of k over all loops.
func (c *Counters) Sum(k Counter) int64 {
	var t int64
	for i := range c.loops {
		t += c.loops[i].n[k].Load()
	}
	return t
}

// Clear sets the total to zero (clear counters all).
func (c *Counters) Clear() {
	for i := range c.loops {
		for k := range c.loops[i].n {
			c.loops[i].n[k].Store(0)
		}
	}
}

// A Gauge is a current number with its maximum, shared by all loops: a maximum
// of sums is not a sum of maxima.
type Gauge struct {
	cur, max atomic.Int64
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
