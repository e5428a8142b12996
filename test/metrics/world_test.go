package metrics

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"bascule/test/running"
)

// TestMain fails where goroutines are left. On a busy machine one may end later than
// goleak waits by itself.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		var err error
		if !running.Within(patience, func() bool { err = goleak.Find(); return err == nil }) {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

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
