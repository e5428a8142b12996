package stats

// A metric is one name of the Prometheus form, behind haproxy_frontend_,
// haproxy_listener_, haproxy_backend_ or haproxy_server_. Its values are those of a field.
type metric struct {
	name    string
	field   string
	counter bool
	millis  bool               // the field is in milliseconds, the metric in seconds
	on      Kinds              // which of the four
	http    bool               // only of proxies in mode http
	skip    bool               // a row without a value has no series; else its value is NaN
	get     func(r *Row) Value // instead of the field's
	label   string
	states  func(r *Row) []sample // instead of field: one series per state
	help    string                // "": the field's text
	own     bool                  // bascule_ stands before it, not haproxy_
}

// A sample is one series of a metric with states.
type sample struct {
	state string
	n     int64
}

// metrics are HAProxy's names. Dashboards count on names, labels and one
// series per state, whether or not the state is the present one.
var metrics = append([]metric{
	{name: "current_queue", field: "qcur", on: onBS},
	{name: "max_queue", field: "qmax", on: onBS},
	{name: "current_sessions", field: "scur", on: onAll},
	{name: "max_sessions", field: "smax", on: onAll},
	{name: "limit_sessions", field: "slim", on: onAll},
	{name: "sessions_total", field: "stot", counter: true, on: onAll},
	{name: "bytes_in_total", field: "bin", counter: true, on: onAll},
	{name: "bytes_out_total", field: "bout", counter: true, on: onAll},
	{name: "requests_denied_total", field: "dreq", counter: true, on: onFB | onL},
	{name: "responses_denied_total", field: "dresp", counter: true, on: onAll},
	{name: "request_errors_total", field: "ereq", counter: true, on: onF | onL},
	{name: "connection_errors_total", field: "econ", counter: true, on: onBS},
	{name: "response_errors_total", field: "eresp", counter: true, on: onBS},
	{name: "retry_warnings_total", field: "wretr", counter: true, on: onBS},
	{name: "redispatch_warnings_total", field: "wredis", counter: true, on: onBS},
	{name: "status", on: onAll, states: statusSamples, help: "1 for the present state, 0 for the others"},
	{name: "weight", field: "weight", on: onBS},
	{name: "active_servers", field: "act", on: onB},
	{name: "backup_servers", field: "bck", on: onB},
	{name: "active", field: "act", on: onS},
	{name: "backup", field: "bck", on: onS},
	{name: "check_failures_total", field: "chkfail", counter: true, on: onS},
	{name: "check_up_down_total", field: "chkdown", counter: true, on: onBS},
	{name: "check_last_change_seconds", field: "lastchg", on: onBS},
	{name: "downtime_seconds_total", field: "downtime", counter: true, on: onBS},
	{name: "queue_limit", field: "qlimit", on: onS},
	{name: "current_throttle", field: "throttle", on: onS},
	{name: "loadbalanced_total", field: "lbtot", counter: true, on: onBS},
	{name: "limit_session_rate", field: "rate_lim", on: onF},
	{name: "max_session_rate", field: "rate_max", on: onFBS},
	{name: "check_status", on: onS, skip: true, states: checkSamples, help: "1 for how the last check ended, 0 for the others"},
	{name: "check_code", field: "check_code", on: onS, skip: true, get: checking(func(r *Row) Value { return number(int64(r.state.Check.Code)) })},
	{name: "check_duration_seconds", field: "check_duration", millis: true, on: onS, skip: true, get: checked(checkDuration), help: "Seconds that the last check took"},
	{name: "http_responses_total", counter: true, on: onFBS, http: true, label: "code", states: replySamples, help: "Responses by class of status"},
	{name: "http_requests_rate_max", field: "req_rate_max", on: onF, http: true},
	{name: "http_requests_total", field: "req_tot", counter: true, on: onFB, http: true},
	{name: "client_aborts_total", field: "cli_abrt", counter: true, on: onBS},
	{name: "server_aborts_total", field: "srv_abrt", counter: true, on: onBS},
	{name: "http_comp_bytes_in_total", field: "comp_in", counter: true, on: onFB, http: true},
	{name: "http_comp_bytes_out_total", field: "comp_out", counter: true, on: onFB, http: true},
	{name: "http_comp_bytes_bypassed_total", field: "comp_byp", counter: true, on: onFB, http: true},
	{name: "http_comp_responses_total", field: "comp_rsp", counter: true, on: onFB, http: true},
	{name: "last_session_seconds", field: "lastsess", on: onBS},
	{name: "queue_time_average_seconds", field: "qtime", millis: true, on: onBS, help: "Average seconds in queues, of the last 1024 requests"},
	{name: "connect_time_average_seconds", field: "ctime", millis: true, on: onBS, help: "Average seconds to connect, of the last 1024 requests"},
	{name: "response_time_average_seconds", field: "rtime", millis: true, on: onBS, help: "Average seconds until the response, of the last 1024 requests"},
	{name: "total_time_average_seconds", field: "ttime", millis: true, on: onBS, help: "Average seconds altogether, of the last 1024 requests"},
	{name: "connections_rate_max", field: "conn_rate_max", on: onF},
	{name: "connections_total", field: "conn_tot", counter: true, on: onF},
	{name: "intercepted_requests_total", field: "intercepted", counter: true, on: onF, http: true},
	{name: "denied_connections_total", field: "dcon", counter: true, on: onF | onL},
	{name: "denied_sessions_total", field: "dses", counter: true, on: onF | onL},
	{name: "failed_header_rewriting_total", field: "wrew", counter: true, on: onAll},
	{name: "connection_attempts_total", field: "connect", counter: true, on: onBS},
	{name: "connection_reuses_total", field: "reuse", counter: true, on: onBS},
	{name: "http_cache_lookups_total", field: "cache_lookups", counter: true, on: onFB, http: true},
	{name: "http_cache_hits_total", field: "cache_hits", counter: true, on: onFB, http: true},
	{name: "idle_connections_current", field: "srv_icur", on: onS},
	{name: "idle_connections_limit", field: "src_ilim", on: onS},
	{name: "max_queue_time_seconds", field: "qtime_max", millis: true, on: onBS, help: "Most seconds in queues"},
	{name: "max_connect_time_seconds", field: "ctime_max", millis: true, on: onBS, help: "Most seconds to connect"},
	{name: "max_response_time_seconds", field: "rtime_max", millis: true, on: onBS, help: "Most seconds until the response"},
	{name: "max_total_time_seconds", field: "ttime_max", millis: true, on: onBS, help: "Most seconds altogether"},
	{name: "internal_errors_total", field: "eint", counter: true, on: onAll},
	{name: "unsafe_idle_connections_current", field: "idle_conn_cur", on: onS},
	{name: "safe_idle_connections_current", field: "safe_conn_cur", on: onS},
	{name: "used_connections_current", field: "used_conn_cur", on: onS},
	{name: "need_connections_current", field: "need_conn_est", on: onS},
	{name: "uweight", field: "uweight", on: onBS},
	{name: "agg_server_status", on: onB, skip: true, states: serversByState, help: "Servers in each state"},
	{name: "agg_server_check_status", on: onB, skip: true, states: serversByState, help: "Servers in each state; the older name of agg_server_status"},
	{name: "agg_check_status", on: onB, skip: true, states: serversByCheck, help: "Servers by how their last check ended"},
}, ownMetrics()...)
