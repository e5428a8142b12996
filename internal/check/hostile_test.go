package check

import (
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// A server that takes a connection and says nothing holds its check until the
// timeout; a server that is no longer there must not.
func TestACheckUnderWayEndsWithItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(s1, "silent")
		_, c := play(t, s, proxy(1, func(p *config.Proxy) { p.Servers[0].Inter = time.Hour }), Env{})
		time.Sleep(time.Second) // the check waits for a reply
		before := time.Now()
		c.Apply([]*backend.Backend{})
		c.Wait()
		if took := time.Since(before); took > time.Second {
			t.Errorf("the check of a removed server went on for %v", took)
		}
	})
}

// What a firewall or the mode of a socket forbids stays forbidden: requests
// would fail as the check does.
func TestAServerThatWeMayNotReachIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.set(s1, "forbidden")
		b, _ := play(t, s, proxy(1), Env{})
		time.Sleep(time.Second)
		if st := b.Server("s1").State(); st.Op != backend.Stopped || st.Check.Info != "Permission denied" {
			t.Errorf("%s, %s %q", st.Status(), st.Check.Status, st.Check.Info)
		}
	})
}
