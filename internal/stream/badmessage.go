package stream

import (
	"bytes"
	"net/netip"

	"bascule/internal/backend"
	"bascule/internal/wire"
)

// mostChunk is how much is kept of what should have been a chunk's framing: enough
// to see what it is, and little where it is somebody's body.
const mostChunk = 16

// BadRequest keeps the head that f could not be read as a request, for "show errors".
func (c *Carrier) BadRequest(fe *Frontend, from netip.AddrPort, head []byte, fault *wire.Fault) {
	m := c.badHead(from, head, fault)
	m.Frontend = frontEnd(fe)
	fe.BadRequest.Store(m)
}

// BadRequestBody keeps the bytes that should have been the framing of the request's body.
func (s *Stream) BadRequestBody(p []byte, why string) {
	m := s.car.badChunk(s.info.From, p, why)
	m.Frontend = frontEnd(s.fe)
	if s.be != nil {
		m.Backend = backEnd(s.be)
	}
	s.fe.BadRequest.Store(m)
}

// BadReply keeps the head that a server's reply was not, for "show errors".
func (s *Stream) BadReply(srv *backend.Server, head []byte, fault *wire.Fault) {
	s.noteReply(srv, s.car.badHead(s.info.From, head, fault))
}

// BadReplyBody keeps the bytes that should have been the framing of a reply's body.
func (s *Stream) BadReplyBody(srv *backend.Server, p []byte, why string) {
	s.noteReply(srv, s.car.badChunk(s.info.From, p, why))
}

func (s *Stream) noteReply(srv *backend.Server, m *backend.BadMessage) {
	m.Reply, m.Frontend, m.Backend = true, frontEnd(s.fe), backEnd(srv.Backend())
	m.Server = backend.End{Name: srv.Name, ID: srv.Config().ID}
	srv.Backend().BadReply.Store(m)
}

func (c *Carrier) badHead(from netip.AddrPort, head []byte, fault *wire.Fault) *backend.BadMessage {
	m := c.badMessage(from, head[:min(len(head), c.Env.BufSize())], fault.Why)
	m.Offset = min(fault.Offset, len(m.Bytes))
	wire.Mask(m.Bytes, m.Offset)
	return m
}

func (c *Carrier) badChunk(from netip.AddrPort, p []byte, why string) *backend.BadMessage {
	m := c.badMessage(from, p[:min(len(p), mostChunk)], why)
	m.Chunk = true
	return m
}

func (c *Carrier) badMessage(from netip.AddrPort, p []byte, why string) *backend.BadMessage {
	return &backend.BadMessage{When: c.Loop.Wall(), Event: c.Env.badMessages.Add(1) - 1, From: from, Bytes: bytes.Clone(p), Why: why}
}

// BadMessages counts the requests and replies that could not be read.
func (e *Env) BadMessages() uint64 { return e.badMessages.Load() }

func frontEnd(fe *Frontend) backend.End { return backend.End{Name: fe.Name, ID: fe.Rules().Cfg.ID} }

func backEnd(be *backend.Backend) backend.End {
	return backend.End{Name: be.Name(), ID: be.Config().ID}
}
