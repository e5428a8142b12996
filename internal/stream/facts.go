package stream

import (
	"net/netip"

	"bascule/internal/config"
	"bascule/internal/wire"
)

// Reuse says which idle server connections the request may use (http-reuse).
func (s *Stream) Reuse() config.Reuse { return s.cfg.Reuse }

// Client is what the front knows of its connection.
func (s *Stream) Client() *Client { return s.info }

// First says that the request is the first of its client's connection.
func (s *Stream) First() bool { return s.info.Requests == 0 }

// Repeatable says that the request is sent again if a kept connection turns
// out to be dead, so that nothing is risked by using one.
func (s *Stream) Repeatable() bool {
	return s.repeats && s.whole && !s.once && s.most > 0 && !s.cfg.Replay.Off
}

// Head says that the request's method is HEAD: no reply has a body.
func (s *Stream) Head() bool { return s.method == wire.MethodHead }

// Over says that the stream ended, so that nobody must go on with it.
func (s *Stream) Over() bool { return s.over }

// Stopped says that the back must not read more of the reply for now.
func (s *Stream) Stopped() bool { return s.over || s.front.Blocked() }

// KeepsServer says that the server's connection may be used again: both proxies
// keep connections (option http-keep-alive, the default).
func (s *Stream) KeepsServer() bool {
	return s.cfg.Keep == config.KeepAlive && s.rules.Cfg.Keep == config.KeepAlive
}

// LooseReplies says that the backend takes malformed heads from its servers
// (option accept-unsafe-violations-in-http-response).
func (s *Stream) LooseReplies() bool { return s.cfg.LooseReplies }

// Ends are the addresses of the client's connection, as the rules left them.
func (s *Stream) Ends() (from, to netip.AddrPort) { return s.from(), s.to() }
