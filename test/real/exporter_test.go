package real

import (
	"fmt"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// exporter counts what it sends itself: from zero, by server.
func exporter(t *testing.T) {
	mustAsk(t, adminSocket, "clear counters all")
	sent := map[string]int{}
	for range 12 {
		sent["api_pool/"+mustGet(t, siteURL+"/api/v1/health", 200).header.Get("X-Server")]++
	}
	for i := range 14 {
		sent["stream_pool/"+mustGet(t, fmt.Sprintf("%s/hls/t%d/playlist.m3u8", siteURL, i), 200).header.Get("X-Server")]++
	}
	const refused = 3 // answered with 404 by the API
	missing := map[string]int{}
	for range refused {
		missing["api_pool/"+mustGet(t, siteURL+"/api/v1/nothing", 404).header.Get("X-Server")]++
	}
	for name, uri := range map[string]string{"the socket": "unix:" + adminSocket, "the page": statsURL + ";csv"} {
		t.Run(name, func(t *testing.T) {
			wanted := map[string]int{
				"haproxy_up": 1,
				"haproxy_exporter_csv_parse_failures_total":            0,
				"haproxy_frontend_limit_sessions fe_main":              8000,
				"haproxy_frontend_connections_total fe_main":           12 + 14 + refused,
				"haproxy_frontend_sessions_total fe_main":              12 + 14 + refused,
				"haproxy_frontend_http_requests_total fe_main":         12 + 14 + refused,
				"haproxy_frontend_http_responses_total fe_main 2xx":    12 + 14,
				"haproxy_frontend_http_responses_total fe_main 4xx":    refused,
				"haproxy_frontend_http_responses_total fe_main 5xx":    0,
				"haproxy_frontend_request_errors_total fe_main":        0,
				"haproxy_frontend_requests_denied_total fe_main":       0,
				"haproxy_frontend_current_sessions fe_main":            0,
				"haproxy_backend_up api_pool":                          1,
				"haproxy_backend_up stream_pool":                       1,
				"haproxy_backend_current_server api_pool":              2,
				"haproxy_backend_current_server stream_pool":           2,
				"haproxy_backend_sessions_total api_pool":              12 + refused,
				"haproxy_backend_sessions_total stream_pool":           14,
				"haproxy_backend_http_responses_total api_pool 2xx":    12,
				"haproxy_backend_http_responses_total api_pool 4xx":    refused,
				"haproxy_backend_http_responses_total api_pool 5xx":    0,
				"haproxy_backend_http_responses_total stream_pool 2xx": 14,
				"haproxy_backend_http_responses_total stream_pool 4xx": 0,
				"haproxy_backend_connection_errors_total api_pool":     0,
				"haproxy_backend_response_errors_total stream_pool":    0,
				"haproxy_backend_retry_warnings_total api_pool":        0,
				"haproxy_backend_redispatch_warnings_total api_pool":   0,
				"haproxy_backend_client_aborts_total api_pool":         0,
				"haproxy_backend_server_aborts_total stream_pool":      0,
				"haproxy_backend_current_sessions api_pool":            0,
				"haproxy_backend_current_queue api_pool":               0,
			}
			for _, srv := range fleet {
				pool, name, _ := strings.Cut(srv.row, "/")
				key := " " + pool + " " + name
				wanted["haproxy_server_up"+key] = 1
				wanted["haproxy_server_sessions_total"+key] = sent[srv.row] + missing[srv.row]
				wanted["haproxy_server_http_responses_total"+key+" 2xx"] = sent[srv.row]
				wanted["haproxy_server_http_responses_total"+key+" 4xx"] = missing[srv.row]
				wanted["haproxy_server_weight"+key] = 1
			}
			url := startExporter(t, uri)
			var differ []string // a request is counted when its client has its reply already
			if !within(patience/2, func() bool { differ = scrape(t, url).unlike(wanted); return len(differ) == 0 }) {
				t.Error(strings.Join(differ, "\n"))
			}
		})
	}
}

// metrics are samples by name and the values of their labels backend or
// frontend, server, code.
type metrics map[string]float64

// unlike tells what is not as wanted.
func (m metrics) unlike(wanted map[string]int) (list []string) {
	for name, want := range wanted {
		if got, ok := m[name]; !ok || got != float64(want) {
			list = append(list, fmt.Sprintf("%s = %v (there: %v), want %d", name, got, ok, want))
		}
	}
	return list
}

// startExporter runs the exporter; its metrics are at the URL.
func startExporter(t *testing.T, uri string) (url string) {
	t.Helper()
	addr := address() + ":9101"
	start(t, "prometheus-haproxy-exporter", "--haproxy.scrape-uri="+uri, "--web.listen-address="+addr)
	// Its start page: reading the metrics would ask bascule.
	awaitGet(t, "http://"+addr+"/", 200)
	return "http://" + addr + "/metrics"
}

// scrape reads the exporter once.
func scrape(t *testing.T, url string) metrics {
	t.Helper()
	r := mustGet(t, url, 200)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(r.body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, r.body)
	}
	m := metrics{}
	for name, family := range families {
		for _, sample := range family.GetMetric() {
			key := []string{name}
			for _, label := range []string{"frontend", "backend", "server", "code"} {
				for _, pair := range sample.GetLabel() {
					if pair.GetName() == label {
						key = append(key, pair.GetValue())
					}
				}
			}
			m[strings.Join(key, " ")] = value(sample)
		}
	}
	if len(m) == 0 {
		t.Fatalf("no metrics in %q", r.body)
	}
	return m
}

func value(sample *dto.Metric) float64 {
	if c := sample.GetCounter(); c != nil {
		return c.GetValue()
	}
	if g := sample.GetGauge(); g != nil {
		return g.GetValue()
	}
	return sample.GetUntyped().GetValue()
}
