package metrics

import (
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A scope is a part of the metrics' names, the labels by which dashboards choose in it,
// and the names that they ask for.
type scope struct {
	prefix string
	labels []string
	names  string
}

// asked is what two public dashboards ask for: "HAProxy 2 Full", number 12693 of Grafana's
// (rfmoz/grafana-dashboards, prometheus/haproxy-2-full.json), and haproxy-mixin
// (grafana/jsonnet-libs, haproxy-mixin/dashboards), whose names are among the first's.
var asked = []scope{
	{"haproxy_process_", nil, `
		active_peers bytes_out_total connected_peers connections_total current_backend_ssl_key_rate current_connection_rate
		current_connections current_frontend_ssl_key_rate current_run_queue current_session_rate current_ssl_connections
		current_ssl_rate current_tasks current_zlib_memory dropped_logs_total failed_resolutions frontend_ssl_reuse
		hard_max_connections http_comp_bytes_in_total http_comp_bytes_out_total idle_time_percent jobs limit_connection_rate
		limit_http_comp limit_session_rate limit_ssl_rate listeners max_backend_ssl_key_rate max_connection_rate max_connections
		max_fds max_frontend_ssl_key_rate max_memory_bytes max_pipes max_session_rate max_sockets max_ssl_connections
		max_ssl_rate max_zlib_memory nbproc nbthread pipes_free_total pipes_used_total pool_allocated_bytes pool_failures_total
		pool_used_bytes recv_logs_total requests_total spliced_bytes_out_total ssl_cache_lookups_total ssl_cache_misses_total
		ssl_connections_total start_time_seconds stopping unstoppable_jobs uptime_seconds`},
	{"haproxy_frontend_", []string{"proxy"}, `
		bytes_in_total bytes_out_total connections_rate_max connections_total current_sessions denied_connections_total
		denied_sessions_total failed_header_rewriting_total http_cache_hits_total http_cache_lookups_total
		http_comp_bytes_bypassed_total http_comp_bytes_in_total http_comp_bytes_out_total http_comp_responses_total
		http_requests_rate_max http_requests_total internal_errors_total limit_session_rate limit_sessions max_session_rate
		max_sessions request_errors_total requests_denied_total responses_denied_total sessions_total status`},
	{"haproxy_frontend_", []string{"proxy", "code"}, `http_responses_total`},
	{"haproxy_backend_", []string{"proxy"}, `
		active_servers backup_servers bytes_in_total bytes_out_total check_up_down_total client_aborts_total
		connect_time_average_seconds connection_attempts_total connection_errors_total connection_reuses_total current_queue
		current_sessions failed_header_rewriting_total http_cache_hits_total http_cache_lookups_total
		http_comp_bytes_bypassed_total http_comp_bytes_in_total http_comp_bytes_out_total http_comp_responses_total
		http_requests_total internal_errors_total last_session_seconds limit_sessions max_connect_time_seconds max_queue
		max_queue_time_seconds max_response_time_seconds max_session_rate max_sessions max_total_time_seconds
		queue_time_average_seconds redispatch_warnings_total requests_denied_total response_errors_total
		response_time_average_seconds responses_denied_total retry_warnings_total server_aborts_total sessions_total status
		total_time_average_seconds uweight weight`},
	{"haproxy_backend_", []string{"proxy", "code"}, `http_responses_total`},
	{"haproxy_server_", []string{"proxy", "server"}, `
		bytes_in_total bytes_out_total check_duration_seconds check_failures_total check_up_down_total client_aborts_total
		connect_time_average_seconds connection_attempts_total connection_errors_total connection_reuses_total current_queue
		current_sessions current_throttle failed_header_rewriting_total idle_connections_current idle_connections_limit
		internal_errors_total last_session_seconds limit_session_rate limit_sessions max_connect_time_seconds max_queue
		max_queue_time_seconds max_response_time_seconds max_session_rate max_sessions max_total_time_seconds queue_limit
		queue_time_average_seconds redispatch_warnings_total response_errors_total response_time_average_seconds
		responses_denied_total retry_warnings_total safe_idle_connections_current server_aborts_total sessions_total status
		total_time_average_seconds unsafe_idle_connections_current used_connections_current uweight weight`},
	{"haproxy_server_", []string{"proxy", "server", "code"}, `http_responses_total`},
}

// askedInVain are those that HAProxy does not have either.
var askedInVain = []string{"haproxy_server_limit_session_rate"}

func TestPublicDashboardsFindTheirMetrics(t *testing.T) {
	theirs, ours := parsed(t, scraped(t, haproxy)), parsed(t, scraped(t, bascule))
	for _, s := range asked {
		for _, name := range strings.Fields(s.names) {
			name = s.prefix + name
			want, got := theirs[name], ours[name]
			switch {
			case slices.Contains(askedInVain, name):
				if want != nil {
					t.Errorf("haproxy has %s after all", name)
				}
			case want == nil:
				t.Errorf("haproxy has no %s", name)
			case got == nil:
				t.Errorf("no %s", name)
			default:
				for _, m := range got.GetMetric() {
					for _, label := range s.labels {
						if !labelled(m, label) {
							t.Errorf("%s has a series without the label %s", name, label)
						}
					}
				}
			}
		}
	}
	if len(theirs) < 180 {
		t.Errorf("haproxy has %d families; is that all of them?", len(theirs))
	}
}

// parsed is a scrape, by name.
func parsed(t *testing.T, p *proxy) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	list, err := parser.TextToMetricFamilies(strings.NewReader(p.metrics("")))
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return list
}

func labelled(m *dto.Metric, name string) bool {
	return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name })
}
