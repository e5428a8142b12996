package admin

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"time"

	"bascule/internal/backend"
)

// The bits of srv_check_state.
const (
	checkConfigured = 0x2
	checkEnabled    = 0x4
	checkPaused     = 0x8
	checkAgent      = 0x10
)

// WriteStates writes what "show servers state" says of the servers of backends.
func WriteStates(w io.Writer, backends []*backend.Backend, now time.Time) error {
	buffered := bufio.NewWriter(w)
	fmt.Fprintf(buffered, "1\n%s\n", stateHeader)
	for _, b := range backends {
		for _, srv := range b.Servers() {
			writeServerState(buffered, b, srv, now)
		}
	}
	return buffered.Flush()
}

// writeServerState writes one line of "show servers state"; the same text is
// what a server-state-file holds.
func writeServerState(w io.Writer, b *backend.Backend, srv *backend.Server, now time.Time) {
	st, cfg := srv.State(), srv.Config()
	addr, name := "-", "-"
	if a := srv.Addr(); a.Addr().IsValid() {
		addr = a.Addr().String()
	}
	if host := cfg.Addr.Host; host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			name = host
		}
	}
	at := srv.ProbeAt()
	fmt.Fprintf(w, "%d %s %d %s %s %d %d %d %d %d %d %d %d %d %d %d %d %s %d - %d %d %s %s %d\n",
		b.ID(), b.Name(), srv.ID(), srv.Name, addr, st.Op, st.Admin, st.UWeight, st.IWeight,
		int64(now.Sub(st.Since)/time.Second), st.Check.Status, st.Check.Status.Outcome(), st.Health, checkState(st, cfg.Disabled), agentState(st),
		bit(b.Config().IDFixed), bit(cfg.IDFixed), name, srv.Addr().Port(), srv.UseSSL(), at.CheckPort, dash(at.CheckAddr), dash(at.AgentAddr), at.AgentPort)
}

// dash is an address as a column, "-" for none.
func dash(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// agentState is the mask of srv_agent_state.
func agentState(st *backend.State) int {
	n := 0
	if st.Agent.Enabled {
		n |= checkEnabled
	}
	if st.Agent.Configured {
		n |= checkConfigured
	}
	if st.Agent.Configured || st.Agent.Enabled {
		n |= checkAgent
	}
	return n
}

// checkState is the mask. HAProxy pauses the check of a server that its line
// disables even if there is none.
func checkState(st *backend.State, disabled bool) int {
	n := 0
	if st.Check.Enabled {
		n |= checkEnabled
	}
	if st.Check.Configured {
		n |= checkConfigured
	}
	if st.Check.Configured && st.Admin.Maint() || disabled && !st.Check.Configured {
		n |= checkPaused
	}
	return n
}
