package metrics

import (
	"testing"

	"go.uber.org/goleak"

	"bascule/test/running"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests.
const patience = running.Patience

// A proxy is one of the two, seen by a test.
type proxy struct {
	*running.Proxy
	t *testing.T
}

func haproxy(t *testing.T, text string) *proxy {
	t.Helper()
	return &proxy{running.HAProxy(t, text), t}
}

func bascule(t *testing.T, text string) *proxy {
	t.Helper()
	return &proxy{running.Bascule(t, text), t}
}

// quiet waits until no session is left.
func (p *proxy) quiet() {
	p.t.Helper()
	p.Await("the end of all sessions", func() bool {
		s := p.Stat()
		for _, row := range s.Rows {
			if s.Cells[row]["scur"] != "0" || s.Cells[row]["qcur"] != "" && s.Cells[row]["qcur"] != "0" {
				return false
			}
		}
		return true
	})
}
