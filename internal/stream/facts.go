package stream

import (
	"bascule/internal/config"
	"bascule/internal/wire"
)

// Reuse says which idle server connections the request may use (http-reuse).
func (s *Stream) Reuse() config.Reuse { return s.cfg.Reuse }

// First says that the request is the first of its client's connection.
func (s *Stream) First() bool { return s.info.Requests == 0 }

// Repeatable says that the request is sent again if a kept connection turns
// out to be dead, so that nothing is risked by using one.
func (s *Stream) Repeatable() bool { return s.safe && s.retries > 0 }

// Head says that the request's method is HEAD: no reply has a body.
func (s *Stream) Head() bool { return s.method == wire.MethodHead }

// SetClientDeadline gives the client its time for the next piece of the
// request's body.
func (s *Stream) SetClientDeadline() {
	if !s.bodyDone {
		s.front.SetDeadline(s.rules.Cfg.Timeouts.Client)
	}
}

// Over says that the stream ended, so that nobody must go on with it.
func (s *Stream) Over() bool { return s.over }

// Stopped says that the back must not read more of the reply for now.
func (s *Stream) Stopped() bool { return s.over || s.front.Blocked() }

// KeepsServer says that the server's connection may be used again
// (option http-keep-alive, the default).
func (s *Stream) KeepsServer() bool { return s.cfg.Keep == config.KeepAlive }
