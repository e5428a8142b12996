package stream

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/logs"
)

// account counts the stream and writes its log line.
func (s *Stream) account() {
	l := s.car.Loop.Index()
	now := s.car.Loop.Now()
	in, out := s.front.Received(), s.front.Sent()
	s.tally(s.fe.Counters, l, in, out)
	if !s.tcp {
		s.fe.Counters.Add(l, s.class(), 1)
	}
	if s.served || s.answered {
		s.fe.Counters.Add(l, backend.Intercepted, 1)
	}
	if s.denied {
		s.fe.Counters.Add(l, backend.DeniedReq, 1)
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
	s.fe.Times.Add(l, max(q, 0), max(c, 0), max(r, 0), max(t, 0))
	if s.srv != nil {
		s.tally(s.srv.Counters, l, in, out)
		if s.begun {
			if !s.tcp {
				s.srv.Counters.Add(l, s.class(), 1)
			}
			s.srv.Times.Add(l, max(q, 0), max(c, 0), max(r, 0), max(t, 0))
			s.be.Times.Add(l, max(q, 0), max(c, 0), max(r, 0), max(t, 0))
		}
		s.srv.LastSession.Store(s.car.Loop.Wall().Unix())
	}
	s.log(q, c, r, t)
}

func (s *Stream) tally(c *backend.Counters, l int, in, out int64) {
	c.Add(l, backend.BytesIn, in)
	c.Add(l, backend.BytesOut, out)
}

func (s *Stream) class() backend.Counter {
	if k := s.status / 100; k >= 1 && k <= 5 {
		return backend.Reply1xx + backend.Counter(k-1)
	}
	return backend.ReplyOther
}

// phases are queue, connect, response and total time in milliseconds, -1 for
// those not reached.
func (s *Stream) phases(now int64) (q, c, r, t int) {
	return ms(s.t.head, s.t.slot), ms(s.t.slot, s.t.conn), ms(s.t.conn, s.t.reply), ms(s.t.first, now)
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

// logInfo is the syslog level of traffic lines.
const logInfo = 6

func (s *Stream) log(q, c, r, t int) {
	cfg := s.rules.Cfg
	if cfg.LogFormat == nil || s.silent || len(cfg.Logs) == 0 {
		return
	}
	car := s.car
	rec := &car.rec
	*rec = logs.Record{
		Client: s.info.From, FrontAddr: s.info.To, Frontend: s.fe.Name, Backend: s.fe.Name, TLS: s.info.TLS,
		Accept: s.info.Wall, Start: car.Loop.Wall().Add(-time.Duration(car.Loop.Now() - s.t.first)),
		TR: ms(s.t.first, s.t.head), Tw: q, Tc: c, Tr: r, Ta: t, Tt: ms(s.info.Accepted, car.Loop.Now()),
		Th: 0, Ti: ms(s.info.Accepted, s.t.first),
		Status: s.status, BytesRead: s.front.Sent(), BytesUploaded: s.front.Received(),
		Method: s.line[:s.nMethod], Target: s.line[s.nMethod:], Minor: s.minor, BadRequest: s.minor == 255,
		Term:    [4]byte{s.term[0], s.term[1], '-', '-'},
		ActConn: int(s.fe.Env.Conns.Cur()), FeConn: int(s.fe.Cur.Cur()),
		TCP: s.tcp, Redispatched: s.moved, Retries: max(s.attempts-1, 0),
	}
	if rec.Start.IsZero() {
		rec.Start = car.Loop.Wall()
	}
	sticky := cfg.Cookie != nil
	if s.be != nil {
		rec.Backend = s.cfg.Name
		rec.BeConn = int(s.be.Cur.Cur())
		sticky = s.cfg.Cookie != nil
	}
	if sticky && !rec.BadRequest {
		rec.Term[2], rec.Term[3] = letter(s.persist), letter(backend.PersistState(s.setBack))
	}
	if s.srv != nil {
		rec.Server = s.srv.Name
		rec.SrvConn = int(s.srv.Cur.Cur())
	}
	if s.served {
		rec.Server = "<STATS>"
	}
	rec.ReqCaptures, rec.ResCaptures = s.reqCaps, s.resCaps
	if cfg.LogFormat.UsesCtx() {
		rec.Ctx = s.logCtx()
	}
	level := logInfo
	if s.logLevel > 0 {
		level = s.logLevel - 1
	}
	car.logLine = cfg.LogFormat.Append(car.logLine[:0], rec)
	s.fe.Env.Hub.Ring(car.Loop.Index()).Line(cfg.Logs, level, car.logLine)
}
