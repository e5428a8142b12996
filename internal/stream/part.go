package stream

import (
	"crypto/tls"
	"encoding/binary"
	"net/netip"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A request is what a stream knows of its request. A tunnel gives it back to
// the loop and keeps what its log line needs packed, since it may be idle for
// hours: in bytes of just that size.
type request struct {
	s                    *Stream // whose it is; nil while nobody's
	own                  choosing
	t                    times
	awaited              int64  // since when the server is waited for, of the loop's clock
	head                 []byte // the request's head as it is sent, kept for another try
	line                 []byte // method and target as they came, for the log
	nMethod              int
	body                 wire.Body
	length               int64       // of the body, if it is BodyLength
	asked                wire.Method // of the head as it is sent: rules may have changed the client's
	expects              bool        // the client waits for the server's word before its body
	vars                 rule.Vars
	marks                rule.Marks
	carried              carried    // of the request's body
	replyMost            int        // how long a reply may be that waits until it is whole, in bytes
	said100, continued   bool       // this server's 100 was passed on; no other is
	kept                 *heldReply // the reply, while its rules wait for its body; else nil
	held                 *held      // while rules or the balancing look at the body; else nil
	reqCaps              [][]byte   // of capture request header and http-request capture
	resCaps              [][]byte
	unique               []byte // of unique-id-format
	reqCookie, resCookie []byte // of capture cookie
	timer                *loop.Timer
	ticket               *ticket
	queued               backend.Position // in the queues altogether
	local                netip.AddrPort   // of the server's connection, if the log says it
	server               *tls.Conn        // of the connection to the server, for rules and logs; nil: in clear
	late                 *rule.Answer     // of a tarpit, sent when it is over
}

// reset forgets all but memory that can be used again.
func (r *request) reset() {
	r.t, r.queued, r.local = times{}, backend.Position{}, netip.AddrPort{}
	r.head, r.line, r.nMethod, r.body, r.expects = r.head[:0], r.line[:0], 0, wire.BodyNone, false
	r.vars.Reset()
	r.marks.Reset()
	pieces, trailers := r.carried.pieces[:0], r.carried.trailers[:0]
	r.carried = carried{}
	r.carried.pieces, r.carried.trailers = pieces, trailers
	r.length, r.replyMost, r.said100, r.continued = 0, 0, false, false
	r.held, r.kept, r.ticket, r.late, r.server = nil, nil, nil, nil, nil
	r.reqCaps, r.resCaps = r.reqCaps[:0], r.resCaps[:0]
	r.unique, r.reqCookie, r.resCookie = r.unique[:0], r.reqCookie[:0], r.resCookie[:0]
}

// settle gives the request of a tunnel back, unless something will still be
// asked about it: by tcp-response content, or by what a log-format says beyond
// what is packed.
func (s *Stream) settle() {
	if s.over || s.request == nil || s.look.down {
		return
	}
	if s.logsParts() {
		return
	}
	s.dropHeld()
	c, r := s.car, s.request
	c.packed = r.pack(c.packed[:0], s.first)
	s.packed = string(c.packed)
	s.Life.choosing, s.Life.marks = nil, r.marks.Lasting()
	s.request, r.s = nil, nil
	c.Loop.StopTimer(r.timer)
	c.parts.put(r)
	c.trimLater()
}

// recall gives a tunnel that ends a request again, for its log line.
func (s *Stream) recall() {
	if s.request != nil {
		return
	}
	r := s.car.part()
	r.reset()
	r.s, s.request = s, r
	s.Life.choosing = &r.own
	if m := s.Life.marks; m != nil {
		r.marks = *m
	}
	s.Life.marks = &r.marks
	s.car.packed = append(s.car.packed[:0], s.packed...)
	r.unpack(s.car.packed, s.first)
	s.packed = ""
}

// pack appends what the log line and the counters of a tunnel need.
func (r *request) pack(dst []byte, first int64) []byte {
	for _, at := range [...]int64{r.t.head, r.t.slot, r.t.conn, r.t.reply} {
		since := uint64(0)
		if at != 0 {
			since = uint64(max(at-first, 0)) + 1
		}
		dst = binary.AppendUvarint(dst, since)
	}
	for _, n := range [...]int{r.queued.Server, r.queued.Backend, r.nMethod} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for _, p := range [...][]byte{r.line, r.unique, r.reqCookie, r.resCookie} {
		dst = packBytes(dst, p)
	}
	for _, slots := range [...][][]byte{r.reqCaps, r.resCaps} {
		dst = binary.AppendUvarint(dst, uint64(len(slots)))
		for _, p := range slots {
			dst = packBytes(dst, p)
		}
	}
	return dst
}

// unpack reads what pack wrote.
func (r *request) unpack(p []byte, first int64) {
	number := func() uint64 {
		v, n := binary.Uvarint(p)
		p = p[n:]
		return v
	}
	text := func(dst []byte) []byte {
		n := number()
		dst = append(dst[:0], p[:n]...)
		p = p[n:]
		return dst
	}
	for _, at := range [...]*int64{&r.t.head, &r.t.slot, &r.t.conn, &r.t.reply} {
		if since := number(); since > 0 {
			*at = first + int64(since) - 1
		}
	}
	for _, n := range [...]*int{&r.queued.Server, &r.queued.Backend, &r.nMethod} {
		*n = int(number())
	}
	for _, b := range [...]*[]byte{&r.line, &r.unique, &r.reqCookie, &r.resCookie} {
		*b = text(*b)
	}
	for _, slots := range [...]*[][]byte{&r.reqCaps, &r.resCaps} {
		for n := number(); n > 0; n-- {
			*slots = oneMore(*slots)
			last := &(*slots)[len(*slots)-1]
			*last = text(*last)
		}
	}
}

func packBytes(dst, p []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(p))), p...)
}
