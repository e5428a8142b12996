package stream

import (
	"net/netip"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/logs"
	"bascule/internal/rule"
)

// The syslog levels of traffic lines: of what went wrong with option
// log-separate-errors, and of all others.
const (
	logErr  = 3
	logInfo = 6
)

// logged stands in for the level once the line is written, before the stream's end.
const logged = -1

// logs says whether the stream still has a log line to write.
func (s *Stream) logs() bool {
	cfg := s.rules.Cfg
	return cfg.LogFormat != nil && !s.silent && s.logLevel != logged && len(cfg.Logs) > 0
}

// logsParts says that the log line needs what a tunnel does not keep.
func (s *Stream) logsParts() bool {
	cfg := s.rules.Cfg
	return s.logs() && (anyFormat(cfg, (*logs.Format).UsesCtx) || anyFormat(cfg, (*logs.Format).UsesLocal))
}

// wrong says whether the stream is one of those that option dontlog-normal
// leaves and option log-separate-errors marks, as HAProxy has it: what failed
// elsewhere than in a rule's answer, was tried again or moved, or is a 5xx.
func (s *Stream) wrong() bool {
	switch s.term[0] {
	case 0, '-':
		return s.moved || s.attempts > 1 || !s.tcp && s.status >= 500
	case 'L':
		return s.moved || !s.tcp && s.status >= 500
	}
	return true
}

// logSoon writes the line once the reply has begun, with option logasap.
func (s *Stream) logSoon() {
	if !s.rules.Cfg.LogASAP {
		return
	}
	q, c, r, t := s.phases(s.car.Loop.Now())
	s.log(q, c, r, t)
	s.logLevel = logged
}

// noteLocal keeps where the connection to the server comes from, if the log says it.
func (s *Stream) noteLocal() {
	if cfg := s.rules.Cfg; cfg.LogFormat == nil || !anyFormat(cfg, (*logs.Format).UsesLocal) {
		return
	}
	if b, ok := s.back.(interface{ Local() netip.AddrPort }); ok {
		s.local = b.Local()
	}
}

func (s *Stream) log(q, c, r, t int) {
	if !s.logs() {
		return
	}
	cfg, car := s.rules.Cfg, s.car
	level := logInfo
	if cfg.DontLogNormal || cfg.LogSeparateErrors {
		wrong := s.wrong()
		if !wrong && cfg.DontLogNormal {
			return
		}
		if wrong && cfg.LogSeparateErrors {
			level = logErr
		}
	}
	if s.logLevel > 0 {
		level = int(s.logLevel) - 1
	}
	rec := &car.rec
	s.record(rec, q, c, r, t)
	format := cfg.LogFormat
	if rec.BadRequest && cfg.LogErrors != nil {
		format = cfg.LogErrors
	}
	s.fe.say(car, cfg, rec, level, format)
}

// say writes the line of rec, with its structured data in front.
func (f *Frontend) say(car *Carrier, cfg *config.Proxy, rec *logs.Record, level int, format *logs.Format) {
	if anyFormat(cfg, (*logs.Format).UsesCount) {
		rec.Count = f.logged.Add(1) - 1
	}
	line := car.logLine[:0]
	if cfg.LogData != nil {
		line = cfg.LogData.AppendData(line, rec)
	}
	data := len(line)
	car.logLine = format.Append(line, rec)
	f.Env.Hub.Ring(car.Loop.Index()).LineWith(cfg.Logs, level, data, car.logLine)
}

// record fills rec with what is known of the stream.
func (s *Stream) record(rec *logs.Record, q, c, r, t int) {
	cfg, car := s.rules.Cfg, s.car
	*rec = logs.Record{
		Client: s.from(), FrontAddr: s.to(), Frontend: s.fe.Name, Backend: s.fe.Name, TLS: s.info.TLS, Secured: s.secured(),
		Accept: time.Unix(0, s.info.Wall), Start: car.Loop.Wall().Add(-time.Duration(car.Loop.Now() - s.first)),
		TR: ms(s.first, s.t.head), Tw: q, Tc: c, Tr: r, Ta: t, Tt: ms(s.info.Accepted, car.Loop.Now()),
		Th: 0, Ti: ms(s.info.Accepted, s.first),
		Status: int(s.status), BytesRead: s.front.Sent(), BytesUploaded: s.front.Received(),
		Method: s.line[:s.nMethod], Target: s.line[s.nMethod:], Minor: s.minor, BadRequest: s.minor == 255,
		Term:    [4]byte{s.term[0], s.term[1], '-', '-'},
		ActConn: int(s.fe.Env.Conns.Cur()), FeConn: int(s.fe.Cur.Cur()),
		SrvQueue: s.queued.Server, BeQueue: s.queued.Backend, TCP: s.tcp, Redispatched: s.moved, Replay: s.replayed, ASAP: cfg.LogASAP, Retries: int(max(s.attempts-1, 0)),
	}
	if rec.Start.IsZero() {
		rec.Start = car.Loop.Wall()
	}
	sticky := cfg.Cookie.Tells()
	if s.be != nil {
		rec.Backend = s.cfg.Name
		rec.BeConn = int(s.be.Cur.Cur())
		sticky = s.cfg.Cookie.Tells()
	}
	if sticky && !rec.BadRequest {
		rec.Term[2], rec.Term[3] = letter(s.persist), letter(backend.PersistState(s.setBack))
	}
	if s.srv != nil {
		rec.Server = s.srv.Name
		rec.SrvConn = int(s.srv.Cur.Cur())
		rec.Remote, rec.Local = s.srv.Addr(), s.local
	}
	if s.served {
		rec.Server = "<STATS>"
	}
	rec.ReqCaptures, rec.ResCaptures = s.reqCaps, s.resCaps
	rec.UniqueID, rec.Number = s.unique, s.id
	rec.ReqCookie, rec.ResCookie = s.reqCookie, s.resCookie
	if anyFormat(cfg, (*logs.Format).UsesCtx) {
		rec.Ctx = s.logCtx()
	}
}

// anyFormat says whether one of the formats of a proxy that logs is so.
func anyFormat(cfg *config.Proxy, is func(*logs.Format) bool) bool {
	return is(cfg.LogFormat) || cfg.LogData != nil && is(cfg.LogData) || cfg.LogErrors != nil && is(cfg.LogErrors)
}

// logCtx is what the expressions of a log-format see: what the client and the
// rules left, without the heads of the messages.
func (s *Stream) logCtx() *rule.Ctx {
	x := s.car.fill(s)
	if s.be != nil {
		x.Backend, x.BackendID = s.cfg.Name, s.cfg.ID
	}
	if s.srv != nil {
		x.Server = s.srv.Name
	}
	return x
}
