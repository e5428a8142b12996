package admin

import (
	"fmt"
	"net/netip"
	"time"

	"bascule/internal/backend"
)

// The bits of srv_check_state.
const (
	checkConfigured = 0x2
	checkEnabled    = 0x4
	checkPaused     = 0x8
)

// writeServerState writes one line of "show servers state"; the same text is
// what a server-state-file holds.
func writeServerState(c *Call, b *backend.Backend, srv *backend.Server, now time.Time) {
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
	checkAddr := "-"
	if cfg.CheckAddr.IP.IsValid() {
		checkAddr = cfg.CheckAddr.IP.String()
	}
	fmt.Fprintf(c.Out(), "%d %s %d %s %s %d %d %d %d %d %d %d %d %d %d %d %d %s %d - 0 %d %s - 0\n",
		b.ID(), b.Name(), srv.ID(), srv.Name, addr, st.Op, st.Admin, st.UWeight, st.IWeight,
		int64(now.Sub(st.Since)/time.Second), st.Check.Status, st.Check.Status.Outcome(), st.Health, checkState(st, cfg.Disabled), 0,
		bit(b.Config().IDFixed), bit(cfg.IDFixed), name, srv.Addr().Port(), cfg.CheckAddr.Port, checkAddr)
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
