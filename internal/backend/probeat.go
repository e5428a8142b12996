package backend

import (
	"net/netip"

	"bascule/internal/config"
)

// A ProbeAt is where the checks of a server go, where the line or an operator
// says another place than the server's own.
type ProbeAt struct {
	CheckAddr netip.Addr // invalid: the server's
	CheckPort int        // 0: the server's
	AgentAddr netip.Addr
	AgentPort int
	AgentSend string
}

func probeAtOf(c *config.Server) *ProbeAt {
	return &ProbeAt{CheckAddr: c.CheckAddr.IP, CheckPort: c.CheckAddr.Port,
		AgentAddr: c.Agent.Addr.IP, AgentPort: c.Agent.Port, AgentSend: c.Agent.Send}
}

// ProbeAt is where the checks of the server go now.
func (s *Server) ProbeAt() ProbeAt { return *s.probeAt.Load() }

// SetProbeAt is "set server … check-addr", "check-port", "agent-addr",
// "agent-port" and "agent-send": Change edits what is in force.
type SetProbeAt struct {
	Srv    *Server
	Change func(*ProbeAt)
}

func (e SetProbeAt) apply(*Backend) error {
	at := e.Srv.ProbeAt()
	e.Change(&at)
	e.Srv.probeAt.Store(&at)
	return nil
}
