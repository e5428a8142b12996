package stream

import (
	"time"

	"bascule/internal/rule"
)

// tunnelDeadline is the inactivity that ends a tunnel, in both directions at
// once: `timeout tunnel` replaces the client's and the server's.
func (s *Stream) tunnelDeadline() {
	up, down := s.tunnelTimeouts()
	s.front.SetDeadline(up)
	if s.back != nil {
		s.back.SetDeadline(down)
	}
}

func (s *Stream) tunnelTimeouts() (client, server time.Duration) {
	client, server = s.clientTimeout(), s.cfgServerTimeout()
	if t := s.timeout(rule.TimerTunnel, s.cfg.Timeouts.Tunnel); t > 0 {
		client, server = t, t
	}
	// A side that was told of the other's end has a time of its own to end too.
	if s.downDone && s.rules.Cfg.Timeouts.ClientFin > 0 {
		client = s.rules.Cfg.Timeouts.ClientFin
	}
	if s.upDone && s.cfg.Timeouts.ServerFin > 0 {
		server = s.cfg.Timeouts.ServerFin
	}
	// A side that has ended is not silent: only what it does not take is waited for.
	if s.upDone && !s.front.Blocked() {
		client = 0
	}
	if s.downDone && !s.UpBlocked() {
		server = 0
	}
	return client, server
}

// Up passes bytes of a tunnel from the client to the server.
func (s *Stream) Up(p []byte) {
	if s.back != nil {
		s.back.SendData(p)
		s.back.Flush()
		s.tunnelDeadline()
	}
}

// UpBlocked says that the server takes no more for now.
func (s *Stream) UpBlocked() bool { return s.over || s.back == nil || s.back.Blocked() }

// UpEnd says that the client has ended its direction.
func (s *Stream) UpEnd() {
	if s.over || s.upDone {
		return
	}
	s.upDone = true
	if s.downDone {
		s.run(s.Life.Relayed())
		return
	}
	if s.back != nil {
		s.back.Flush()
		s.back.CloseWrite()
	}
	s.tunnelDeadline()
}

// Down passes bytes of a tunnel from the server to the client.
func (s *Stream) Down(p []byte) {
	s.front.WriteData(p)
	s.front.Flush()
	s.tunnelDeadline()
}

// DownEnd says that the server has ended its direction.
func (s *Stream) DownEnd() {
	if s.over || s.downDone {
		return
	}
	s.downDone = true
	if s.upDone {
		s.run(s.Life.Relayed())
		return
	}
	s.front.Flush() // the switch itself may be under way
	s.front.CloseWrite()
	s.tunnelDeadline()
}

// TunnelBroken says that one side of the tunnel was reset.
func (s *Stream) TunnelBroken(byServer bool) {
	if s.over {
		return
	}
	if byServer {
		s.back = nil
		s.run(s.Life.Broke(Reset))
		return
	}
	s.run(s.Life.Gone(false))
}

// CutByClient says that the bytes of mode tcp ended with a reset of the client,
// so that their server must not take them for whole.
func (s *Stream) CutByClient() bool { return s.tcp && s.term[0] == 'C' }

// ClientSpoke says that the client of mode tcp has sent something while its
// server was not reached.
func (s *Stream) ClientSpoke() {
	if !s.over && !s.tunnel {
		s.front.SetDeadline(s.clientTimeout())
	}
}

// Tunnelling says whether the stream has become a tunnel.
func (s *Stream) Tunnelling() bool { return s.tunnel }
