package backend

import (
	"fmt"
	"time"

	"bascule/internal/config"
)

// observed says that traffic failed error-limit times in a row.
type observed struct {
	srv  *Server
	n    int
	last Sight
}

// apply fills in what the line says: on-error, and fastinter or inter until the
// next check.
func (e observed) apply(b *Backend) error {
	cfg := e.srv.Config()
	within := cfg.FastInter
	if within == 0 {
		within = cfg.Inter
	}
	b.happen(misbehaved{cfg.OnError, fmt.Sprintf("Detected %d consecutive errors, last one was: %s", e.n, sights[e.last].text), within},
		time.Now(), e.srv)
	return nil
}

// on makes failures of traffic count as a failed check (HAProxy: on-error).
// sudden-death leaves one check until DOWN where there were more.
func (m misbehaved) on(t *turn) {
	if !t.checkable() {
		return
	}
	t.Analyzed++
	t.probe, t.within = true, m.within
	switch m.action {
	case config.OnErrorFastInter:
		return
	case config.OnErrorSuddenDeath:
		if t.Health > t.Rise {
			t.Health = t.Rise + 1
		}
	case config.OnErrorMarkDown:
		t.Health = t.Rise
	}
	checked(Result{Status: CheckHANA, Duration: -1, Info: m.info}).on(t)
}

// checkable says that checks of the server count.
func (st *State) checkable() bool { return st.Check.Enabled && !st.Check.Paused && !st.Removed }
