package stats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
)

// spend counts a request in a frontend, a backend and a server.
func (w *world) spend(fe, srv string, phase backend.Phase, d time.Duration) {
	w.t.Helper()
	var s backend.Spent
	s.Set(phase, int64(d))
	w.fes[fe].Latency.Add(0, &s)
	w.server(srv).Latency.Add(0, &s)
	w.server(srv).Backend().Latency.Add(0, &s)
}

func TestHistogramsHaveClassicBuckets(t *testing.T) {
	w := newWorld(t, smallConfig)
	w.spend("web", "app/s1", backend.PhaseTotal, 300*time.Microsecond)
	w.spend("web", "app/s1", backend.PhaseTotal, 80*time.Millisecond)
	w.spend("web", "app/s1", backend.PhaseTotal, 2*time.Minute)
	w.spend("web", "app/s2", backend.PhaseWebSocket, time.Hour)
	out := w.metrics("")
	for _, line := range []string{
		`bascule_server_total_time_seconds_bucket{proxy="app",server="s1",le="0.00025"} 0`,
		`bascule_server_total_time_seconds_bucket{proxy="app",server="s1",le="0.0005"} 1`,
		`bascule_server_total_time_seconds_bucket{proxy="app",server="s1",le="0.1"} 2`,
		`bascule_server_total_time_seconds_bucket{proxy="app",server="s1",le="60"} 2`,
		`bascule_server_total_time_seconds_bucket{proxy="app",server="s1",le="+Inf"} 3`,
		`bascule_server_total_time_seconds_count{proxy="app",server="s1"} 3`,
		`bascule_server_total_time_seconds_sum{proxy="app",server="s1"} 120.0803`,
		`bascule_server_total_time_seconds_count{proxy="app",server="s2"} 0`,
		`bascule_frontend_total_time_seconds_count{proxy="web"} 3`,
		`bascule_backend_websocket_time_seconds_bucket{proxy="app",le="2500"} 0`,
		`bascule_backend_websocket_time_seconds_bucket{proxy="app",le="5000"} 1`,
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(out, `websocket_time_seconds_count{proxy="app",server="s1"}`) {
		t.Error("a server that never had a WebSocket has a histogram of them")
	}
	for name, f := range families(t, out) {
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if h == nil {
				continue
			}
			if n := len(h.GetBucket()); strings.Contains(name, "_time_") && n != backend.LatencySteps {
				t.Errorf("%s has %d buckets", name, n)
			}
			for i, below := range h.GetBucket()[1:] {
				if below.GetCumulativeCount() < h.GetBucket()[i].GetCumulativeCount() || below.GetUpperBound() <= h.GetBucket()[i].GetUpperBound() {
					t.Errorf("%s: bucket %s does not grow", name, fmt.Sprint(below))
				}
			}
		}
	}
}
