package stream

import (
	"time"

	"bascule/internal/backend"
)

// account counts the stream and writes its log line.
func (s *Stream) account() {
	l := s.car.Loop.Index()
	now := s.car.Loop.Now()
	in, out := s.front.Received(), s.front.Sent()
	s.tally(s.fe.Counters, l, in, out)
	if of := s.info.Of; of != nil {
		s.tally(of.Counters, l, in, out)
	}
	if !s.tcp {
		s.fe.Counters.Add(l, s.class(), 1)
	}
	if s.served || s.answered {
		s.fe.Counters.Add(l, backend.Intercepted, 1)
	}
	if s.denied {
		s.countIn(backend.DeniedReq)
	}
	if s.vetoed {
		s.countIn(backend.DeniedResp)
	}
	if s.be != nil {
		s.tally(s.be.Counters, l, in, out)
		if !s.tcp {
			s.be.Counters.Add(l, s.class(), 1)
		}
	} else if own := s.rules.Default; own != nil && own.Name() == s.fe.Name {
		s.tally(own.Counters, l, in, out) // of a listen section: the request was its backend's from the start
	}
	q, c, r, t := s.phases(now)
	s.spend(l, now)
	if s.srv != nil {
		s.tally(s.srv.Counters, l, in, out)
		if s.begun {
			s.srv.Times.Add(l, max(q, 0), max(c, 0), max(r, 0), max(t, 0))
			s.be.Times.Add(l, max(q, 0), max(c, 0), max(r, 0), max(t, 0))
		}
		if now := s.car.Loop.Wall().Unix(); s.srv.LastSession.Load() != now {
			s.srv.LastSession.Store(now)
		}
	}
	s.log(q, c, r, t)
}

// spend counts where the request's time went. Phases that it did not reach do
// not count; those of a request that failed do, since its client waited too.
func (s *Stream) spend(l int, now int64) {
	var spent backend.Spent
	phase := func(p backend.Phase, from, to int64) {
		if from != 0 && to != 0 {
			spent.Set(p, to-from)
		}
	}
	phase(backend.PhaseQueue, s.t.head, s.t.slot)
	phase(backend.PhaseConnect, s.t.slot, s.t.conn)
	phase(backend.PhaseResponse, s.t.conn, s.t.reply)
	if s.tunnelFrames {
		phase(backend.PhaseWebSocket, s.t.reply, now)
	} else {
		phase(backend.PhaseTotal, s.first, now)
	}
	s.fe.Latency.Add(l, &spent)
	if s.be != nil {
		s.be.Latency.Add(l, &spent)
	}
	if s.srv != nil {
		s.srv.Latency.Add(l, &spent)
	}
}

func (s *Stream) tally(c *backend.Counters, l int, in, out int64) {
	c.Add(l, backend.BytesIn, in)
	c.Add(l, backend.BytesOut, out)
}

func (s *Stream) class() backend.Counter { return classOf(int(s.status)) }

func classOf(status int) backend.Counter {
	if k := status / 100; k >= 1 && k <= 5 {
		return backend.Reply1xx + backend.Counter(k-1)
	}
	return backend.ReplyOther
}

// replied counts a reply for its server, as it said it: what rules or another
// server make of it is the frontend's and the backend's.
func (s *Stream) replied(status int) {
	l := s.car.Loop.Index()
	s.srv.Counters.Add(l, backend.Requests, 1)
	s.srv.Counters.Add(l, classOf(status), 1)
}

// phases are queue, connect, response and total time in milliseconds, -1 for
// those not reached.
func (s *Stream) phases(now int64) (q, c, r, t int) {
	if s.t.pit != 0 {
		return ms(s.t.pit, now), -1, -1, ms(s.first, now)
	}
	return ms(s.t.head, s.t.slot), ms(s.t.slot, s.t.conn), ms(s.t.conn, s.t.reply), ms(s.first, now)
}

func ms(from, to int64) int {
	if from == 0 || to == 0 {
		return -1
	}
	return int((to - from) / int64(time.Millisecond))
}

// letter is a persistence letter of the termination code; a stream that ended
// before it was known has none.
func letter(p backend.PersistState) byte {
	if p == 0 {
		return byte(backend.PersistNone)
	}
	return byte(p)
}
