package explain

import (
	"crypto/tls"
	"time"

	"bascule/internal/backend"
	"bascule/internal/rule"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

// A side is front, dialer and back of the one stream that is explained: it
// keeps what it is given, and answers 200 for the server.
type side struct {
	asked *Asked
	fe    *stream.Frontend
	s     *stream.Stream
	see   func(*side) // called when a server was chosen, before anything is sent

	srv     *backend.Server
	sent    []byte // the head that the server gets
	answer  *rule.Answer
	reply   []byte // the head of the server's answer, as the client gets it
	dropped bool
	refused bool // by tcp-request connection or session
	done    bool
}

// serverReply is what the server is taken to say.
const serverReply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// Connect notes the server; the connection is there at once.
func (d *side) Connect(s *stream.Stream, srv *backend.Server, _ bool) (stream.Back, stream.Way, error) {
	d.s, d.srv = s, srv
	d.see(d)
	return (*server)(d), stream.Kept, nil
}

// The client's side.

func (d *side) Carry(s *stream.Stream) { d.s = s }
func (d *side) WriteHead(rep *wire.Reply) {
	if rep.Status >= 200 {
		d.reply = rep.AppendTo(nil, 1, wire.BodyNone, 0, wire.ConnNone)
	}
}
func (d *side) WriteData([]byte)           {}
func (d *side) WriteEnd([]byte)            {}
func (d *side) WriteAnswer(a *rule.Answer) { d.answer = a }
func (d *side) Flush()                     {}
func (d *side) Blocked() bool              { return false }
func (d *side) Tunnel(bool)                {}
func (d *side) CloseWrite()                {}
func (d *side) SetDeadline(time.Duration)  {}
func (d *side) TLS() *tls.Conn             { return d.asked.secured() }
func (d *side) Sent() int64                { return 0 }
func (d *side) Received() int64            { return 0 }
func (d *side) Done(whole bool)            { d.done, d.dropped = true, !whole }

// Pump gives the body that was asked with.
func (d *side) Pump() {
	if d.asked.Body != "" {
		body := d.asked.Body
		d.asked.Body = ""
		d.s.FromBody([]byte(body))
		d.s.FromEnd(nil)
	}
}

// server is the server's side.
type server side

func (b *server) SendHead(head []byte, _ wire.Method, _ wire.Body) {
	b.sent = append([]byte(nil), head...)
}
func (b *server) SendData([]byte)           {}
func (b *server) SendEnd([]byte)            {}
func (b *server) Flush()                    {}
func (b *server) Blocked() bool             { return false }
func (b *server) Resume()                   {}
func (b *server) Tunnel(bool)               {}
func (b *server) CloseWrite()               {}
func (b *server) Release()                  {}
func (b *server) Abort()                    {}
func (b *server) SetDeadline(time.Duration) {}
func (b *server) Reused() bool              { return false }
func (b *server) Unsent() bool              { return false }
func (b *server) TLS() *tls.Conn            { return nil }

// service tells that it was asked to answer, and says nothing.
type service struct {
	name string
	call func(name string)
}

func (s service) Serve(*stream.Writer, *stream.Asked) { s.call(s.name) }

// services are those that rules can name.
func services(call func(string)) map[string]stream.Service {
	return map[string]stream.Service{
		stream.StatsService:   service{stream.StatsService, call},
		"prometheus-exporter": service{"prometheus-exporter", call},
	}
}
