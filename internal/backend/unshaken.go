package backend

import (
	"fmt"
	"sync"
	"time"

	"bascule/internal/cert"
	"bascule/internal/events"
)

// tellUnshakenEvery is how often the log tells of one server that handshakes fail
// with it. A certificate that has run out fails every connection, for hours.
const tellUnshakenEvery = time.Minute

// unshaken is the TLS handshakes with a server that failed under streams. Checks
// tell their own.
type unshaken struct {
	mu   sync.Mutex // guards the two fields below
	n    int        // since they were told last
	why  string     // of the newest
	told time.Time  // of Run
}

// Unshaken notes a handshake that failed under a stream, for the log.
func (s *Server) Unshaken(why error) {
	u := &s.unshaken
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
	u.why = cert.Reason(why).Error()
}

// tellUnshaken tells, once a second at most, of the first failure at once and of
// others once a minute.
func (b *Backend) tellUnshaken(s *Server, now time.Time) {
	u := &s.unshaken
	if !u.told.IsZero() && now.Sub(u.told) < tellUnshakenEvery {
		return
	}
	u.mu.Lock()
	n, why := u.n, u.why
	u.n = 0
	u.mu.Unlock()
	if n == 0 {
		return
	}
	since := "in the last second"
	if !u.told.IsZero() {
		since = fmt.Sprintf("in %ds", int(now.Sub(u.told).Seconds()))
	}
	u.told = now
	text := fmt.Sprintf("Server %s/%s: SSL handshake failure (%s), %d under requests %s.", b.name, s.Name, printable(why), n, since)
	b.happened(events.ServerUnshaken, LevelWarning, s, text)
	b.env.Notify(LevelWarning, text)
	b.env.Log.Warn(text)
}
