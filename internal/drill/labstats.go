package drill

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"bascule/internal/fleet"
)

// APIStats and StreamStats ask the running servers themselves, not the balancer.
func (l *Lab) APIStats(ctx context.Context) map[string]fleet.APIStats {
	return ask[fleet.APIStats](ctx, l.Servers(), APIPool, "/api/v1/stats")
}

// StreamStats is what APIStats is for the stream servers.
func (l *Lab) StreamStats(ctx context.Context) map[string]fleet.StreamStats {
	return ask[fleet.StreamStats](ctx, l.Servers(), StreamPool, "/stats")
}

// statsClient asks the servers with connections of its own.
var statsClient = &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func ask[T any](ctx context.Context, servers []LabServer, backend, path string) map[string]T {
	answers := map[string]T{}
	for _, srv := range servers {
		if _, ok := srv.Running(); !ok || srv.Backend != backend {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+srv.Addr+path, nil)
		if err != nil {
			continue
		}
		resp, err := statsClient.Do(req)
		if err != nil {
			continue // killed in between
		}
		var answer T
		if json.NewDecoder(resp.Body).Decode(&answer) == nil {
			answers[srv.Name] = answer
		}
		resp.Body.Close()
	}
	return answers
}
