package backend

import (
	"sync/atomic"
	"time"

	"bascule/internal/config"
)

// A Sight is what a stream saw of a server.
type Sight uint8

// The sights.
const (
	SawConnect   Sight = iota // a connection is there, new or kept
	SawReply                  // a reply whose status says nothing against the server
	SawStatus                 // a reply of 500 or more, but for 501 and 505: the client may ask for those
	SawRefused                // no connection: refused, unreachable
	SawNoConnect              // no connection in time
	SawReset                  // reset, before a reply
	SawClosed                 // ended, before a reply
	SawTimeout                // no reply in time
	SawBadHead                // a reply whose head is not HTTP
	SawBadBody                // a reply whose body is not framed as HTTP says
	SawCut                    // the connection broke within a reply
	SawSilent                 // nothing at all came for an unusual time, see Heard
)

// Who wants to know about a sight.
const (
	byFast uint32 = 1 << iota
	byLayer4
	byLayer7
	byRow    // a row of server errors is under way: a good reply ends it
	byReplay // errors may be asked elsewhere, see Errs
)

// sights are what each means: to whom; whether it speaks for the server; how
// much it weighs for fast-detect, where enoughBlame makes a suspicion; and in
// the words of HAProxy's observe, whose table of what counts in which mode this
// is.
//
// One broken connection may be one request's fault. A refused connect is the
// kernel's word that nobody is there. A reply that is late is an answer of a
// server that lives; so is one of status 500, but for a row of them, see wrong.
var sights = [...]struct {
	to    uint32
	good  bool
	blame int32
	text  string
}{
	SawConnect:   {byLayer4, true, 0, "L4 successful connection"},
	SawReply:     {byRow | byLayer7, true, 0, "Correct http response"},
	SawStatus:    {byFast | byLayer7 | byReplay, false, 2, "Wrong http response"},
	SawRefused:   {byFast | byLayer4 | byLayer7, false, 2, "L4 unsuccessful connection"},
	SawNoConnect: {byFast | byLayer4 | byLayer7, false, 2, "L4 unsuccessful connection"},
	SawReset:     {byFast | byLayer7, false, 1, "Read error (http)"},
	SawClosed:    {byFast | byLayer7, false, 1, "Close from server (http)"},
	SawTimeout:   {byLayer7, false, 0, "Read timeout (http)"},
	SawBadHead:   {byFast | byLayer7, false, 1, "Invalid http response (headers)"},
	SawBadBody:   {byFast | byLayer7, false, 1, "Invalid http response"},
	SawCut:       {byFast, false, 1, "Broken reply"},
	SawSilent:    {byFast, false, 2, "Silence"},
}

// senses are what streams know of a server between two changes of its state.
type senses struct {
	watch  atomic.Uint32 // who wants to know: byFast, byLayer4, byLayer7, byRow, byReplay
	errors atomic.Int32  // failures in a row, for observe
	most   atomic.Int32  // error-limit

	blame    atomic.Int32 // of the second that passes, for fast-detect
	deaf     atomic.Int64 // unix nanoseconds until when nothing is suspected
	patience atomic.Int64 // nanoseconds of silence that are unusual
	row      atomic.Int32 // server errors without a good reply between them
	trust    atomic.Int64 // unix nanoseconds until when such a row means nothing
	passes   atomic.Uint32
	chase    chan struct{}
	ears     []Ear

	// Of Run:
	disproved time.Time // when silence was last found to mean nothing
	trusting  time.Duration
	spared    time.Time // when it was last told that the server stays
}

// An Ear is what one loop heard of a server. Its fields without an atomic type
// are the loop's own; its clock is that of the loops.
type Ear struct {
	heard atomic.Int64 // when a byte came last
	asked int64        // since when something has been waited for in vain
	met   int64        // the look at which somebody waited last
	pass  uint32       // passes at that time
	_     [cacheLine - 32]byte
}

// attend takes over who wants to know what of a server's traffic.
func (s *Server) attend(c *config.Server, p *config.Proxy) {
	var w uint32
	if !p.NoFastDetect && (c.Check || c.Track != nil) {
		w |= byFast
	}
	if c.Check {
		switch c.Observe {
		case config.ObserveLayer4:
			w |= byLayer4
		case config.ObserveLayer7:
			w |= byLayer7
		}
	}
	if p.Replay.OnError() {
		w |= byReplay
	}
	s.most.Store(int32(max(c.ErrorLimit, 1)))
	s.patience.CompareAndSwap(0, int64(leastPatience))
	if w&byFast == 0 {
		s.run.Store(0)
		s.shunned.Store(false)
	}
	if s.watch.Swap(w)&^byRow != w {
		s.errors.Store(0)
	}
}

// Saw tells what a stream saw of the server. Any loop may call it; it neither
// blocks nor, for what is usual, costs more than a look at one word.
func (s *Server) Saw(k Sight, loop int) {
	if s.watch.Load()&sights[k].to != 0 || s.run.Load() != 0 {
		s.saw(k, loop)
	}
}

func (s *Server) saw(k Sight, loop int) {
	w := s.watch.Load() & sights[k].to
	if w&byRow != 0 {
		s.watch.And(^byRow)
	}
	if blames := k != SawStatus || w&(byFast|byReplay) != 0 && s.wrong(); blames && w&byFast != 0 {
		s.Counters.Add(loop, Blamed, 1)
		s.suspect(k)
	}
	s.reckon(k, w&byFast != 0)
	switch {
	case w&(byLayer4|byLayer7) == 0:
	case sights[k].good:
		if s.errors.Load() != 0 {
			s.errors.Store(0)
		}
	default:
		if n := s.errors.Add(1); n == s.most.Load() {
			s.errors.Store(0)
			s.b.Do(observed{s, int(n), k})
		}
	}
}

// Heard notes that a byte came from the server, at that time of the loops' clock.
func (s *Server) Heard(loop int, now int64) {
	if s.watch.Load()&byFast != 0 {
		if e := &s.ears[loop]; e.heard.Load() != now {
			e.heard.Store(now)
		}
	}
}

// Waiting tells at a look of a loop, at now of its clock, that a stream has
// waited for the server since then; before is when the loop looked the last time.
// If nothing has come on any loop for an unusual time, the server is suspected.
func (s *Server) Waiting(loop int, since, before, now int64) {
	e := &s.ears[loop]
	if e.met == now {
		return // another stream said so
	}
	if passes := s.passes.Load(); e.met < before || e.pass != passes {
		e.asked = max(since, before) // nobody waited at the last look, or a check has passed since
		e.pass = passes
	}
	e.met = now
	for i := range s.ears {
		e.asked = max(e.asked, s.ears[i].heard.Load())
	}
	if now-e.asked >= s.patience.Load() {
		s.Saw(SawSilent, loop)
	}
}
