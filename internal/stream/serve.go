package stream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"bascule/internal/wire"
)

// StatsService is the name under which the engine registers the stats page.
const StatsService = "stats"

// writeSize is how much of an answer is handed to the loop at once.
const writeSize = 32 << 10

// A Service makes answers inside bascule: the stats page, the metrics. It is
// a back side like a server's: its answer is streamed under the client's
// window and framed, counted and logged like any reply.
type Service interface {
	// Serve writes the answer. It runs on a goroutine of its own, which ends
	// when Serve returns; writes fail once the client is gone.
	Serve(w *Writer, r *Asked)
}

// Asked is the request to a Service; it is the service's own copy.
type Asked struct {
	Req      wire.Request
	From     netip.AddrPort
	Frontend string
	Admin    bool   // stats admin permits changes; of the stats page
	Body     []byte // of a form for the stats page
	Whole    bool   // Body is all of it
}

// Header is the value of the first field of that name, or "".
func (a *Asked) Header(name string) string {
	i := a.Req.Find([]byte(name), 0)
	if i < 0 {
		return ""
	}
	return string(a.Req.Value(&a.Req.Fields[i]))
}

// ErrGone is what writes return once the client has left.
var ErrGone = errors.New("the client is gone")

// A Writer takes a Service's answer. Its methods are for one goroutine.
type Writer struct {
	b      *served
	status int
	fields string
	buf    []byte
	begun  bool
	err    error
	// Patience bounds how long a client that takes nothing is waited for, beside
	// its timeout; 0: by that alone.
	Patience time.Duration
}

// Head sets the status and the fields ("Name: value\r\n" lines, without
// framing); it must come before the first Write. The default is 200.
func (w *Writer) Head(status int, fields string) { w.status, w.fields = status, fields }

// Write adds to the body. It blocks while the client does not take it.
func (w *Writer) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	if len(w.buf) >= writeSize {
		_ = w.Flush() // sticky: returned below
	}
	return len(p), w.err
}

// Flush hands what was written to the client now, for answers that trickle.
func (w *Writer) Flush() error { return w.give(false) }

// give passes the buffer to the loop and waits until it was taken.
func (w *Writer) give(end bool) error {
	if w.err != nil {
		return w.err
	}
	head := ""
	if !w.begun {
		w.begun = true
		framing := ""
		if end {
			framing = fmt.Sprintf("Content-Length: %d\r\n", len(w.buf))
		}
		head = fmt.Sprintf("HTTP/1.1 %d %s\r\n%s%s\r\n", w.status, http.StatusText(w.status), w.fields, framing)
	}
	b, data := w.b, w.buf
	b.car.Loop.Post(func() { b.take(head, data, end) })
	var late <-chan time.Time
	if w.Patience > 0 {
		t := time.NewTimer(w.Patience)
		defer t.Stop()
		late = t.C
	}
	select {
	case ok := <-b.taken:
		if !ok {
			w.err = ErrGone
		}
	case <-b.car.Loop.Done():
		w.err = ErrGone
	case <-late:
		w.err = ErrGone
		b.car.Loop.Post(b.impatient)
	}
	w.buf = w.buf[:0]
	return w.err
}

// served is the back side of an answer made inside. All but Writer's part
// belongs to the loop.
type served struct {
	s       *Stream // nil once the stream is over
	car     *Carrier
	method  wire.Method
	taken   chan bool // buffered: the loop never waits
	waiting bool      // the writer waits for a blocked client
	lost    bool      // the writer waits no more
}

func (s *Stream) serve(req *wire.Request) {
	name := s.service
	svc := s.fe.Rules().Services[name]
	if svc == nil {
		s.run(s.Life.fail(503, 'S', 'C'))
		return
	}
	r := &Asked{From: s.info.From, Frontend: s.fe.Name}
	copyHead := append([]byte(nil), req.AppendTo(nil, wire.BodyNone, 0, wire.ConnNone)...)
	if r.Req.Parse(copyHead, nil) != wire.Done {
		s.run(s.Life.fail(400, 'P', 'R'))
		return
	}
	r.Admin, r.Whole = s.admin, s.bodyDone
	r.Body = append(r.Body, s.carried.first()...)
	b := &served{s: s, car: s.car, method: req.Method, taken: make(chan bool, 1)}
	s.back, s.sent = b, true
	w := &Writer{b: b, status: 200}
	go func() { // ends with Serve
		defer func() {
			if p := recover(); p != nil {
				b.car.Env.Log.Error("panic in a service", "service", name, "panic", p)
				b.car.Loop.Post(b.broken)
				return
			}
			_ = w.give(true)
		}()
		svc.Serve(w, r)
	}()
}

// take passes a piece on, on the loop.
func (b *served) take(head string, data []byte, end bool) {
	s := b.s
	if s == nil {
		b.taken <- false
		return
	}
	if head != "" {
		b.head([]byte(head))
		if b.s == nil {
			b.taken <- false
			return
		}
	}
	if len(data) > 0 && b.method != wire.MethodHead && !s.mute {
		s.front.WriteData(data)
	}
	if end {
		b.taken <- true
		s.ReplyEnd(nil)
		return
	}
	s.front.Flush()
	if s.front.Blocked() {
		b.waiting = true
		s.front.SetDeadline(s.clientTimeout())
		return
	}
	b.taken <- true
}

func (b *served) head(p []byte) {
	s := b.s
	var rep wire.Reply
	if rep.Parse(p, nil, b.method) != wire.Done {
		s.car.Env.Log.Error("a service made a head that is not HTTP", "fault", rep.Fault())
		s.run(s.Life.fail(500, 'P', 'H'))
		return
	}
	s.begun, s.phase, s.status = true, 'D', int16(rep.Status)
	s.t.reply = s.car.Loop.Now()
	x := s.car.fill(s)
	x.Res = &rep
	s.Life.after(x, &s.car.Out)
	s.frame(&rep)
	s.front.WriteHead(&rep)
	s.logSoon()
}

// impatient ends the stream of a client that does not read as its own timeout
// would: what lies ready for it goes with its connection.
func (b *served) impatient() {
	if s := b.s; s != nil {
		b.waiting, b.lost = false, true
		s.front.SetDeadline(1)
	}
}

func (b *served) broken() {
	if s := b.s; s != nil {
		s.back = nil
		if s.begun {
			s.run(s.Life.Broke(Reset))
			return
		}
		s.run(s.Life.fail(500, 'I', 'H'))
	}
}

func (b *served) Resume() {
	if b.lost {
		b.s.front.SetDeadline(1)
	}
	if b.waiting {
		b.waiting = false
		b.taken <- true
	}
}

func (b *served) Release() { b.Abort() }

func (b *served) Abort() {
	b.s = nil
	if b.waiting {
		b.waiting = false
		b.taken <- false
	}
}

func (b *served) SendHead([]byte, wire.Method, wire.Body) {}
func (b *served) SendData([]byte)                         {}
func (b *served) SendEnd([]byte)                          {}
func (b *served) Flush()                                  {}
func (b *served) Blocked() bool                           { return false }
func (b *served) Tunnel(bool)                             {}
func (b *served) CloseWrite()                             {}
func (b *served) SetDeadline(time.Duration)               {}
func (b *served) Reused() bool                            { return false }
func (b *served) Unsent() bool                            { return false }
func (b *served) TLS() *tls.Conn                          { return nil }
