package stream

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"bascule/internal/backend"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A Stream carries one request and its reply, or a tunnel: it obeys the
// orders of its Life over a front and a back. It belongs to one loop and is
// reused for later streams.
type Stream struct {
	Life
	*request // nil in a tunnel, which needs none, see settle
	car      *Carrier
	fe       *Frontend
	front    Front
	back     Back
	info     *Client
	prev     *Stream
	next     *Stream
	id       uint64
	first    int64  // the instant of the first byte
	packed   string // what a tunnel keeps of its request, see pack

	minor        uint8
	bodyDone     bool // the request's body has been passed on whole
	sent         bool // the head was given to a server
	tunnel       bool
	upBulk       bool // much comes at once from the client: it is worth a pipe
	downBulk     bool
	tunnelFrames bool // of a WebSocket: read, never spliced
	upDone       bool // the client has ended its direction of the tunnel
	downDone     bool
	over         bool
	mute         bool // the reply's body is not for the client, who sent HEAD
	look         inspection
}

// times are instants of the loop's clock in nanoseconds; 0: not reached.
type times struct {
	head, slot, conn, reply int64
	pit                     int64 // the start of a tarpit
}

// A Client is what a front knows of its connection.
type Client struct {
	From, To netip.AddrPort
	Accepted int64      // loop's clock, nanoseconds
	Wall     int64      // the same in nanoseconds since 1970
	Of       *Socket    // of its bind, if that is limited or counted apart
	Vars     *rule.Vars // of tcp-request connection and session; nil: none
	own      *owned     // nil: never any
	Requests int32      // before this one
	Idle     uint16     // seconds between the last reply and this request; more are as many as fit
	TLS      bool
	Login    bool // a reply asked for one: it goes on where it began
}

// pause is how long the client has asked for nothing; a new connection is the
// longest pause of all.
func (c *Client) pause() time.Duration {
	if c == nil || c.Requests == 0 {
		return math.MaxInt64
	}
	return time.Duration(c.Idle) * time.Second
}

// owned are idle server connections that no other client may use.
type owned struct {
	backs []Back
	of    []*backend.Server // whose each of them is
}

// Own are the idle server connections that no other client may use.
func (c *Client) Own() []Back {
	if c.own == nil {
		return nil
	}
	return c.own.backs
}

// Keep makes b, an idle connection to srv, the client's own.
func (c *Client) Keep(b Back, srv *backend.Server) {
	if c.own == nil {
		c.own = new(owned)
	}
	c.own.backs, c.own.of = append(c.own.backs, b), append(c.own.of, srv)
}

// Take takes back the i-th of the client's own connections.
func (c *Client) Take(i int) {
	o := c.own
	o.backs, o.of = slices.Delete(o.backs, i, i+1), slices.Delete(o.of, i, i+1)
}

// Disown takes back all of them.
func (c *Client) Disown() []Back {
	own := c.Own()
	c.own = nil
	return own
}

// run obeys orders until one has to wait for an event.
func (s *Stream) run(o Order) {
	for !s.over {
		switch o.Kind {
		case Connect, Dial:
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
		case Hold:
			s.hold(o)
		case Inspect:
			s.inspect(o)
		case Reply:
			if o.Delay > 0 {
				s.tarpitted(o)
				return
			}
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
	b, way, err := s.car.Dialer.Connect(s, o.Srv, o.Kind == Dial)
	if err != nil {
		why := DialWhy(err)
		if why == Refused {
			why = Absent
		}
		s.sawNothing(why)
		return s.Life.Failed(why), false
	}
	s.back = b
	s.noteLocal()
	s.car.listen()
	l := s.car.Loop.Index()
	s.srv.Counters.Add(l, backend.Sessions, 1)
	switch way {
	case Kept:
		s.countServer(backend.Reuses)
		s.t.conn = s.car.Loop.Now()
		s.server = b.TLS()
		s.saw(backend.SawConnect)
		return s.Life.Connected(), false
	case Dialled:
		s.countServer(backend.Connects)
	}
	b.SetDeadline(s.timeout(rule.TimerConnect, s.cfg.Timeouts.Connect))
	return Order{}, true
}

// countServer counts for the server and for its backend.
func (s *Stream) countServer(k backend.Counter) {
	l := s.car.Loop.Index()
	s.srv.Counters.Add(l, k, 1)
	s.be.Counters.Add(l, k, 1)
}

// ServerTaken says that the back has a kept connection of another loop now.
func (s *Stream) ServerTaken() {
	s.countServer(backend.Reuses)
	s.ServerConnected()
}

// ServerDialled says that the other loop had none, and a connection is opened.
func (s *Stream) ServerDialled() { s.countServer(backend.Connects) }

// ServerConnected says that the back's connection is established.
func (s *Stream) ServerConnected() {
	s.t.conn = s.car.Loop.Now()
	s.noteLocal()
	s.server = s.back.TLS()
	s.saw(backend.SawConnect)
	s.run(s.Life.Connected())
}

// ServerFailed says that no connection came about; the back has closed itself.
func (s *Stream) ServerFailed(why Why) {
	s.back = nil
	s.sawNothing(why)
	s.run(s.Life.Failed(why))
}

func (s *Stream) send() {
	b, k := s.back, &s.carried
	s.sent, s.said100, s.replyMost = true, false, s.terms.hold
	k.next, k.ended, k.most = 0, false, s.terms.keep
	b.SendHead(s.named(), s.asked, s.body)
	if s.body == wire.BodyNone || s.body == wire.BodyTunnel {
		s.awaitServer(s.cfgServerTimeout())
		b.Flush()
		return
	}
	if s.body == wire.BodyLength && s.length > int64(s.terms.keep) {
		k.most = 0 // it will not all be kept, so that none of it is
		if s.terms.keep > 0 && !k.lost {
			s.count(backend.Unkept)
		}
	}
	s.upload()
}

// named is the request's head, with the server's name if it is to be told.
func (s *Stream) named() []byte {
	if s.cfg.SendName == "" || len(s.head) < len("\r\n") {
		return s.head
	}
	c := s.car
	c.answer = append(append(c.answer[:0], s.head[:len(s.head)-len("\r\n")]...), s.cfg.SendName...)
	c.answer = append(append(append(c.answer, ": "...), s.srv.Name...), "\r\n\r\n"...)
	return c.answer
}
