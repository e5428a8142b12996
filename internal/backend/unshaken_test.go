package backend

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/events"
)

func TestHandshakesThatFailAreToldOnceAMinute(t *testing.T) {
	ring := events.New(64)
	bubble(t, proxy(2), Env{Event: ring.Add}, func(t *testing.T, b *Backend) {
		var seen uint64
		fail := func(n int, why string) {
			for range n {
				b.Server("s2").Unshaken(errors.New(why))
			}
		}
		expect := func(wait time.Duration, want ...string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			var told []string
			for _, e := range ring.Since(seen) {
				told, seen = append(told, fmt.Sprintf("%d %s %s", e.Level, e.Kind, e.Text)), e.ID
			}
			if fmt.Sprintf("%q", told) != fmt.Sprintf("%q", want) {
				t.Errorf("told %q, want %q", told, want)
			}
		}
		fail(2, "x509: certificate has expired\n")
		expect(2*sampleEvery, "4 server-unshaken Server be/s2: SSL handshake failure (x509: certificate has expired<0A>), 2 under requests in the last second.")
		fail(3, "x509: certificate has expired")
		fail(1, "EOF")
		expect(tellUnshakenEvery / 2)
		expect(tellUnshakenEvery/2, "4 server-unshaken Server be/s2: SSL handshake failure (EOF), 4 under requests in 60s.")
		expect(2 * tellUnshakenEvery)
		fail(1, "EOF")
		expect(2*sampleEvery, "4 server-unshaken Server be/s2: SSL handshake failure (EOF), 1 under requests in 122s.")
	})
}
