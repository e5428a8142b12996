package h2c

import (
	"bytes"
	"crypto/tls"
	"errors"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// frameSize is what a DATA frame carries: the least that a client must take.
const frameSize = 16 << 10

var errRequest = errors.New("not a request")

// A side is one stream of the connection: the Front of a stream.Stream.
type side struct {
	c      *conn
	id     uint32
	s      *stream.Stream // nil once its stream is over
	timer  *loop.Timer
	window int64

	body     []byte // of the request, not yet passed on
	last     bool   // all of it has come
	passed   bool   // the stream was told so
	pending  []byte // of the reply, for want of a window
	fin      bool   // the reply is complete behind it
	closed   bool   // END_STREAM or RST_STREAM was sent
	head     bool
	received int64
	sent     int64
}

// open starts the stream of a complete header block. The request is written as
// an HTTP/1 head and parsed by the one strict parser that there is.
func (c *conn) open(id uint32) error {
	if s := c.sides[id]; s != nil { // trailers: a request's end
		s.data(nil, true)
		return nil
	}
	fields, err := c.dec.DecodeFull(c.fields)
	if err != nil {
		return err
	}
	head, err := requestHead(fields, c.ended)
	if err != nil {
		return err
	}
	var req wire.Request
	if req.Parse(head, nil) != wire.Done {
		return errRequest
	}
	s := &side{c: c, id: id, window: c.initial, last: c.ended, passed: c.ended, received: int64(len(c.fields))}
	s.timer = c.car.Loop.Timer(func() {
		if s.s != nil {
			s.s.ClientTimeout()
		}
	})
	c.sides[id] = s
	c.car.Begin(s, c.fe, &req, &c.info, c.car.Loop.Now())
	c.info.Requests++
	return nil
}

// requestHead turns a header list into an HTTP/1 head, RFC 9113 §8.3.1.
func requestHead(fields []hpack.HeaderField, ended bool) ([]byte, error) {
	var method, path, authority string
	var rest, cookie []byte
	length := false
	for _, f := range fields {
		switch f.Name {
		case ":method":
			method = f.Value
		case ":path":
			path = f.Value
		case ":authority":
			authority = f.Value
		case ":scheme", "host":
		case "connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection":
			return nil, errRequest // RFC 9113 §8.2.2
		case "cookie": // the crumbs of §8.2.3
			if cookie != nil {
				cookie = append(cookie, "; "...)
			}
			cookie = append(cookie, f.Value...)
		default:
			length = length || f.Name == "content-length"
			rest = append(rest, f.Name+": "+f.Value+"\r\n"...)
		}
	}
	if method == "" || path == "" {
		return nil, errRequest
	}
	p := []byte(method + " " + path + " HTTP/1.1\r\nhost: " + authority + "\r\n")
	p = append(p, rest...)
	if cookie != nil {
		p = append(append(append(p, "cookie: "...), cookie...), "\r\n"...)
	}
	if !ended && !length {
		p = append(p, "transfer-encoding: chunked\r\n"...)
	}
	return append(p, "\r\n"...), nil
}

// data takes a piece of the request's body.
func (s *side) data(p []byte, end bool) {
	s.received += int64(len(p))
	s.last = s.last || end
	if s.s == nil {
		return
	}
	s.body = append(s.body, p...)
	s.Pump()
	if s.s != nil {
		s.s.FlushBack()
	}
}

// Pump passes on what has come of the request's body, and gives the client as
// much room again: so a slow server holds back its client.
func (s *side) Pump() {
	if n := len(s.body); n > 0 && s.s.WantsBody() {
		s.s.FromBody(s.body)
		s.body = s.body[:0]
		_ = s.c.framer.WriteWindowUpdate(0, uint32(n))
		_ = s.c.framer.WriteWindowUpdate(s.id, uint32(n))
	}
	if s.s != nil && s.last && !s.passed && len(s.body) == 0 && s.s.WantsBody() {
		s.passed = true
		s.s.FromEnd(nil)
	}
}

// Carry gives the side its stream.
func (s *side) Carry(st *stream.Stream) { s.s = st }

// WriteHead sends a reply's head, interim or final.
func (s *side) WriteHead(rep *wire.Reply) {
	s.c.block.Reset()
	s.field(":status", strconv.Itoa(rep.Status))
	for i := range rep.Fields {
		f := &rep.Fields[i]
		if name := string(bytes.ToLower(rep.Name(f))); !f.Deleted && !hopByHop(name) {
			s.field(name, string(rep.Value(f)))
		}
	}
	if rep.Status >= 200 {
		s.head = true
		if rep.HasLength && rep.Status != 204 {
			s.field("content-length", strconv.FormatInt(rep.Length, 10))
		}
	}
	s.headers(false)
}

// hopByHop says whether a field belongs to the connection it came on, or is
// written anew.
func hopByHop(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "content-length":
		return true
	}
	return false
}

func (s *side) field(name, value string) {
	_ = s.c.enc.WriteField(hpack.HeaderField{Name: name, Value: value}) // to memory
}

func (s *side) headers(end bool) {
	_ = s.c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: s.c.block.Bytes(), EndHeaders: true, EndStream: end})
	s.closed = s.closed || end
}

// WriteAnswer sends an answer made here.
func (s *side) WriteAnswer(a *rule.Answer) {
	s.c.block.Reset()
	s.field(":status", strconv.Itoa(a.Status))
	for line := range bytes.Lines(a.Fields) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		s.field(string(bytes.ToLower(name)), string(value))
	}
	s.field("content-length", strconv.Itoa(len(a.Body)))
	s.headers(false)
	s.head = true
	if !s.s.Head() {
		s.WriteData(a.Body)
	}
	s.WriteEnd(nil)
}

// WriteData takes bytes of the reply's body.
func (s *side) WriteData(p []byte) {
	s.sent += int64(len(p))
	if len(s.pending) == 0 {
		p = p[s.frames(p):]
	}
	s.pending = append(s.pending, p...)
}

// frames writes as much of p as the windows and the socket allow.
func (s *side) frames(p []byte) (n int) {
	for n < len(p) && s.c.c.Pending() == 0 {
		k := min(int64(len(p)-n), frameSize, s.window, s.c.window)
		if k <= 0 {
			break
		}
		_ = s.c.framer.WriteData(s.id, false, p[n:n+int(k)])
		s.window -= k
		s.c.window -= k
		n += int(k)
	}
	return n
}

// WriteEnd ends the reply's body.
func (s *side) WriteEnd([]byte) {
	s.fin = true
	s.finish()
}

func (s *side) finish() {
	if s.fin && !s.closed && len(s.pending) == 0 {
		s.closed = true
		_ = s.c.framer.WriteData(s.id, true, nil)
	}
	if s.closed && s.s == nil {
		delete(s.c.sides, s.id)
	}
}

// more goes on after the client gave a window or took what was sent.
func (s *side) more() {
	if len(s.pending) == 0 || s.c.c.Pending() > 0 {
		return
	}
	n := s.frames(s.pending)
	s.pending = append(s.pending[:0], s.pending[n:]...)
	s.finish()
	if len(s.pending) == 0 && s.s != nil {
		s.s.ClientWritable()
	}
}

// Flush sends what is under way.
func (s *side) Flush() { s.c.flush() }

// Blocked says that the client takes no more for now.
func (s *side) Blocked() bool { return len(s.pending) > 0 }

// Tunnel is never ordered: no request of this front asks for one.
func (s *side) Tunnel(bool) {}

// CloseWrite is never ordered, as Tunnel.
func (s *side) CloseWrite() {}

// Done ends the stream. What the client has not taken yet is kept.
func (s *side) Done(whole bool) {
	s.s = nil
	s.c.car.Loop.StopTimer(s.timer)
	switch {
	case !whole && !s.closed:
		s.closed, s.pending = true, nil
		_ = s.c.framer.WriteRSTStream(s.id, http2.ErrCodeInternal)
	case whole:
		s.fin = true
	}
	s.finish()
	if whole && !s.last {
		_ = s.c.framer.WriteRSTStream(s.id, http2.ErrCodeNo) // RFC 9113 §8.1: the rest is not wanted
	}
	s.c.flush()
}

// reset is the client's end of the stream.
func (s *side) reset() {
	s.closed, s.pending = true, nil
	if s.s != nil {
		s.s.ClientGone()
	}
	delete(s.c.sides, s.id)
}

// TLS is nil: the test speaks in clear.
func (s *side) TLS() *tls.Conn { return nil }

// SetDeadline bounds the next step of the client. A connection has one
// deadline and many streams: each has a timer.
func (s *side) SetDeadline(d time.Duration) {
	if d <= 0 {
		s.c.car.Loop.StopTimer(s.timer)
		return
	}
	s.c.car.Loop.SetTimer(s.timer, d)
}

// Sent counts the bytes of the reply's body.
func (s *side) Sent() int64 { return s.sent }

// Received counts the bytes of the request.
func (s *side) Received() int64 { return s.received }
