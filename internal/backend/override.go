package backend

import "fmt"

// SetAtRunTime tells in words what of a server is not as its line says, because
// somebody has set it: what Apply with Forget drops.
func (s *Server) SetAtRunTime() (list []string) {
	st, cfg := s.State(), s.Config()
	if st.UWeight != st.IWeight {
		list = append(list, fmt.Sprintf("weight %d instead of %d", st.UWeight, st.IWeight))
	}
	switch maint := st.Admin&ForcedMaint != 0; {
	case maint && !cfg.Disabled:
		list = append(list, "state maint")
	case !maint && cfg.Disabled:
		list = append(list, "state ready, though disabled")
	}
	if st.Admin&ForcedDrain != 0 {
		list = append(list, "state drain")
	}
	if st.MaxConn != cfg.MaxConn {
		list = append(list, fmt.Sprintf("maxconn %d instead of %d", st.MaxConn, cfg.MaxConn))
	}
	if st.Check.Configured && !st.Check.Enabled {
		list = append(list, "checks disabled")
	}
	if st.Agent.Configured && !st.Agent.Enabled {
		list = append(list, "agent checks disabled")
	}
	if at := s.at.Load(); at != nil {
		list = append(list, "address "+at.String())
	}
	if on := s.ssl.Load(); on != nil && *on != (cfg.TLS != nil) {
		list = append(list, "ssl "+map[bool]string{true: "on", false: "off"}[*on])
	}
	if s.ProbeAt() != *probeAtOf(cfg) {
		list = append(list, "checks at another address")
	}
	return list
}
