package stream

import (
	"net/netip"
	"time"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A Stream carries one request and its reply, or a tunnel: it obeys the
// orders of its Life over a front and a back. It belongs to one loop and is
// reused for later streams.
type Stream struct {
	Life
	id    uint64
	car   *Carrier
	fe    *Frontend
	front Front
	back  Back
	info  *Client
	prev  *Stream
	next  *Stream

	head     []byte // the request's head as it is sent, kept for another try
	line     []byte // method and target as they came, for the log
	nMethod  int
	minor    uint8
	body     wire.Body
	bodyDone bool // the request's body has been passed on whole
	sent     bool // the head was given to a server
	tunnel   bool
	upDone   bool // the client has ended its direction of the tunnel
	downDone bool
	over     bool
	vars     rule.Vars
	reqCaps  [][]byte // of capture request header and http-request capture
	resCaps  [][]byte
	timer    *loop.Timer
	ticket   *ticket
	t        times
}

// times are instants of the loop's clock in nanoseconds; 0: not reached.
type times struct {
	first, head, slot, conn, reply int64
}

// A Client is what a front knows of its connection.
type Client struct {
	From, To netip.AddrPort
	Accepted int64 // loop's clock, nanoseconds
	Wall     time.Time
	Requests int // before this one
	TLS      bool
}

// run obeys orders until one has to wait for an event.
func (s *Stream) run(o Order) {
	for !s.over {
		switch o.Kind {
		case Connect:
			var wait bool
			if o, wait = s.connect(o); wait {
				return
			}
			continue
		case Queue:
			s.enqueue(o)
		case Pause:
			s.car.Loop.SetTimer(s.timer, o.Delay)
		case Send:
			s.send()
		case Reply:
			s.dropBack()
			s.answer(o.Answer)
			s.finish(true)
		case Tunnel:
			s.enterTunnel(false)
		case Drop, Cut:
			s.finish(false)
		case Finish:
			s.finish(true)
		}
		return
	}
}

func (s *Stream) connect(o Order) (next Order, wait bool) {
	s.t.slot = s.car.Loop.Now() // of the last try, as HAProxy's %Tw
	s.attempts++
	b, ready, err := s.car.Dialer.Connect(s, o.Srv, o.Fresh)
	if err != nil {
		return s.Life.Failed(DialWhy(err)), false
	}
	s.back = b
	l := s.car.Loop.Index()
	s.srv.Counters.Add(l, backend.Sessions, 1)
	k := backend.Connects
	if b.Reused() {
		k = backend.Reuses
	}
	s.srv.Counters.Add(l, k, 1)
	s.be.Counters.Add(l, k, 1)
	if ready {
		s.t.conn = s.car.Loop.Now()
		return s.Life.Connected(), false
	}
	b.SetDeadline(s.cfg.Timeouts.Connect)
	return Order{}, true
}

// ServerConnected says that the back's connection is established.
func (s *Stream) ServerConnected() {
	s.t.conn = s.car.Loop.Now()
	s.run(s.Life.Connected())
}

// ServerFailed says that no connection came about; the back has closed itself.
func (s *Stream) ServerFailed(why Why) {
	s.back = nil
	s.run(s.Life.Failed(why))
}

func (s *Stream) send() {
	b := s.back
	s.sent = true
	s.srv.Counters.Add(s.car.Loop.Index(), backend.Requests, 1)
	b.SendHead(s.head, s.method, s.body)
	b.SetDeadline(s.cfg.Timeouts.Server)
	if !s.bodyDone {
		s.front.SetDeadline(s.rules.Cfg.Timeouts.Client)
		s.front.Pump()
		if s.over {
			return
		}
	}
	if s.back != nil {
		s.back.Flush()
	}
}
