package stats

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Facts are a Process with what follows from it at one moment.
type Facts struct {
	Process
	Rates     ProcessRates
	Followers int64 // live pages and runtime sessions that follow events
	Now       time.Time
	Float     bool // times in seconds with their fractions
}

// Facts are what show info and the metrics of the process are made from.
func (s *Source) Facts() Facts {
	return Facts{Process: s.Process(), Rates: s.Rates.Process(), Followers: s.Events.Followers(), Now: time.Now()}
}

// An InfoField is one line of "show info".
type InfoField struct {
	Name string
	Type Type
	Tags Tags
	Text string
	// Metric is the name in Prometheus behind haproxy_process_, "" if there is
	// none; Counter says that it only grows.
	Metric  string
	Counter bool
	get     func(p *Facts) Value
}

// Value is the field's value.
func (f *InfoField) Value(p *Facts) Value { return f.get(p) }

// WriteInfo writes "show info" in a format; here CSV stands for the usual
// "Name: value".
func WriteInfo(w io.Writer, p *Facts, format Format, desc bool) error {
	var b []byte
	var list []jsonValue
	for pos := range Info {
		f := &Info[pos]
		v := f.get(p)
		if !v.set {
			continue
		}
		switch format {
		case JSON:
			list = append(list, newJSONValue(pos, f.Name, f.Tags, f.Type, v))
		case Typed:
			b = append(append(append(strconv.AppendInt(b, int64(pos), 10), '.'), f.Name...), ".1:"...)
			b = appendTyped(b, f.Tags, f.Type, v, f.Text, desc)
		default:
			b = append(append(b, f.Name...), ": "...)
			b = v.append(b, f.Type)
			if desc {
				b = append(append(append(b, ":\""...), f.Text...), '"')
			}
			b = append(b, '\n')
		}
	}
	if format == JSON {
		return json.NewEncoder(w).Encode(list)
	}
	_, err := w.Write(b)
	return err
}

// uptime is HAProxy's way to write an age: 1d 2h03m04s.
func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%dd %dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

const megabyte = 1 << 20

// Info are the lines of "show info" in HAProxy's order. Positions count in the
// typed form, so a line only ever joins at the end.
var Info = []InfoField{
	{Name: "Name", Type: Str, Tags: "POS", Text: "What answers: HAProxy, because programs look for it", get: func(*Facts) Value { return text("HAProxy") }},
	{Name: "Version", Type: Str, Tags: "POS", Text: "Version of HAProxy that this answers as, and bascule's own", get: func(p *Facts) Value { return text(p.Version) }},
	{Name: "Release_date", Type: Str, Tags: "POS", Text: "Date of that version", get: func(p *Facts) Value { return text(p.ReleaseDate) }},
	{Name: "Nbthread", Type: U32, Tags: "CGS", Text: "Loops", Metric: "nbthread", get: func(p *Facts) Value { return number(int64(p.Threads)) }},
	{Name: "Nbproc", Type: U32, Tags: "CGS", Text: "Processes, always 1", Metric: "nbproc", get: one},
	{Name: "Process_num", Type: U32, Tags: "KGP", Text: "Number of this process, always 1", Metric: "relative_process_id", get: one},
	{Name: "Pid", Type: U32, Tags: "SGP", Text: "Process ID", get: func(p *Facts) Value { return number(int64(p.Pid)) }},
	{Name: "Uptime", Type: Str, Tags: "MDP", Text: "Age of the process", get: func(p *Facts) Value { return text(uptime(p.Uptime(p.Now))) }},
	{Name: "Uptime_sec", Type: U32, Tags: "MDP", Text: "Age of the process in seconds", Metric: "uptime_seconds", get: func(p *Facts) Value { return p.fraction(p.Uptime(p.Now), seconds(p.Uptime(p.Now))) }},
	{Name: "Memmax_MB", Type: U32, Tags: "CLP", Text: "Limit on memory in MiB, 0 for none", get: func(p *Facts) Value { return number(p.MemLimit / megabyte) }},
	{Name: "PoolAlloc_MB", Type: U32, Tags: "MGP", Text: "Heap held, in MiB", get: func(p *Facts) Value { return number(p.HeapBytes / megabyte) }},
	{Name: "PoolUsed_MB", Type: U32, Tags: "MGP", Text: "Heap in use, in MiB", get: func(p *Facts) Value { return number(p.HeapUsed / megabyte) }},
	{Name: "PoolFailed", Type: U32, Tags: "MCP", Text: "Allocations that failed", Metric: "pool_failures_total", Counter: true, get: zero},
	{Name: "Ulimit-n", Type: U32, Tags: "CLP", Text: "Limit on descriptors", Metric: "max_fds", get: func(p *Facts) Value { return number(p.Files) }},
	{Name: "Maxsock", Type: U32, Tags: "CLP", Text: "Descriptors that may be needed", Metric: "max_sockets", get: func(p *Facts) Value { return number(p.Sockets) }},
	{Name: "Maxconn", Type: U32, Tags: "CLP", Text: "Limit on client connections", Metric: "max_connections", get: func(p *Facts) Value { return number(p.MaxConn) }},
	{Name: "Hard_maxconn", Type: U32, Tags: "CLP", Text: "Largest limit that may be set", Metric: "hard_max_connections", get: func(p *Facts) Value { return number(p.HardMaxConn) }},
	{Name: "CurrConns", Type: U32, Tags: "MGP", Text: "Client connections now", Metric: "current_connections", get: func(p *Facts) Value { return number(p.Conns) }},
	{Name: "CumConns", Type: U32, Tags: "MCP", Text: "Client connections in total", Metric: "connections_total", Counter: true, get: func(p *Facts) Value { return number(p.CumConns) }},
	{Name: "CumReq", Type: U32, Tags: "MCP", Text: "Requests in total", Metric: "requests_total", Counter: true, get: func(p *Facts) Value { return number(p.CumReqs) }},
	{Name: "MaxSslConns", Type: U32, Tags: "MMP", Text: "Limit on TLS connections", Metric: "max_ssl_connections", get: func(p *Facts) Value { return number(p.SSLConnLimit) }},
	{Name: "CurrSslConns", Type: U32, Tags: "MGP", Text: "TLS connections now", Metric: "current_ssl_connections", get: func(p *Facts) Value { return number(p.SSLConns) }},
	{Name: "CumSslConns", Type: U32, Tags: "MCP", Text: "TLS connections in total", Metric: "ssl_connections_total", Counter: true, get: func(p *Facts) Value { return number(p.CumSSLConns) }},
	{Name: "Maxpipes", Type: U32, Tags: "CLP", Text: "Limit on pipes", Metric: "max_pipes", get: func(p *Facts) Value { return number(p.Pipes) }},
	{Name: "PipesUsed", Type: U32, Tags: "MGP", Text: "Pipes in use", Metric: "pipes_used_total", Counter: true, get: func(p *Facts) Value { return number(p.PipesUsed) }},
	{Name: "PipesFree", Type: U32, Tags: "MGP", Text: "Pipes kept", Metric: "pipes_free_total", Counter: true, get: func(p *Facts) Value { return number(p.PipesFree) }},
	{Name: "ConnRate", Type: U32, Tags: "MRP", Text: "Connections in the last second", Metric: "current_connection_rate", get: func(p *Facts) Value { return number(p.Rates.Conns.Per) }},
	{Name: "ConnRateLimit", Type: U32, Tags: "CLP", Text: "Limit on connections a second", Metric: "limit_connection_rate", get: func(p *Facts) Value { return number(p.ConnLimit) }},
	{Name: "MaxConnRate", Type: U32, Tags: "MMP", Text: "Most connections in a second", Metric: "max_connection_rate", get: func(p *Facts) Value { return number(p.Rates.Conns.Max) }},
	{Name: "SessRate", Type: U32, Tags: "MRP", Text: "Sessions in the last second", Metric: "current_session_rate", get: func(p *Facts) Value { return number(p.Rates.Sessions.Per) }},
	{Name: "SessRateLimit", Type: U32, Tags: "CLP", Text: "Limit on sessions a second", Metric: "limit_session_rate", get: func(p *Facts) Value { return number(p.SessLimit) }},
	{Name: "MaxSessRate", Type: U32, Tags: "MRP", Text: "Most sessions in a second", Metric: "max_session_rate", get: func(p *Facts) Value { return number(p.Rates.Sessions.Max) }},
	{Name: "SslRate", Type: U32, Tags: "MRP", Text: "TLS connections in the last second", Metric: "current_ssl_rate", get: func(p *Facts) Value { return number(p.Rates.SSL.Per) }},
	{Name: "SslRateLimit", Type: U32, Tags: "CLP", Text: "Limit on TLS connections a second", Metric: "limit_ssl_rate", get: func(p *Facts) Value { return number(p.SSLLimit) }},
	{Name: "MaxSslRate", Type: U32, Tags: "MMP", Text: "Most TLS connections in a second", Metric: "max_ssl_rate", get: func(p *Facts) Value { return number(p.Rates.SSL.Max) }},
	{Name: "SslFrontendKeyRate", Type: U32, Tags: "MGP", Text: "Keys computed for clients in the last second", Metric: "current_frontend_ssl_key_rate", get: func(p *Facts) Value { return number(p.Rates.FrontKeys.Per) }},
	{Name: "SslFrontendMaxKeyRate", Type: U32, Tags: "MMP", Text: "Most keys computed for clients in a second", Metric: "max_frontend_ssl_key_rate", get: func(p *Facts) Value { return number(p.Rates.FrontKeys.Max) }},
	{Name: "SslFrontendSessionReuse_pct", Type: U32, Tags: "MGP", Text: "TLS connections of clients in the last second for which no key was computed, in percent", Metric: "frontend_ssl_reuse", get: reuse},
	{Name: "SslBackendKeyRate", Type: U32, Tags: "MRP", Text: "Keys computed for servers in the last second", Metric: "current_backend_ssl_key_rate", get: func(p *Facts) Value { return number(p.Rates.BackKeys.Per) }},
	{Name: "SslBackendMaxKeyRate", Type: U32, Tags: "MMP", Text: "Most keys computed for servers in a second", Metric: "max_backend_ssl_key_rate", get: func(p *Facts) Value { return number(p.Rates.BackKeys.Max) }},
	{Name: "SslCacheLookups", Type: U32, Tags: "MCP", Text: "Lookups of TLS sessions", Metric: "ssl_cache_lookups_total", Counter: true, get: zero},
	{Name: "SslCacheMisses", Type: U32, Tags: "MCP", Text: "Lookups of TLS sessions that found none", Metric: "ssl_cache_misses_total", Counter: true, get: zero},
	{Name: "CompressBpsIn", Type: U32, Tags: "MRP", Text: "Bytes a second given to compression", Metric: "http_comp_bytes_in_total", Counter: true, get: zero},
	{Name: "CompressBpsOut", Type: U32, Tags: "MRP", Text: "Bytes a second that compression made", Metric: "http_comp_bytes_out_total", Counter: true, get: zero},
	{Name: "CompressBpsRateLim", Type: U32, Tags: "CLP", Text: "Limit on compression in bytes a second", Metric: "limit_http_comp", get: zero},
	{Name: "ZlibMemUsage", Type: U32, Tags: "MGP", Text: "Memory of zlib", Metric: "current_zlib_memory", get: none},
	{Name: "MaxZlibMemUsage", Type: U32, Tags: "CLP", Text: "Limit on the memory of zlib", Metric: "max_zlib_memory", get: none},
	{Name: "Tasks", Type: U32, Tags: "MGP", Text: "Timers and goroutines", Metric: "current_tasks", get: func(p *Facts) Value { return number(p.Tasks) }},
	{Name: "Run_queue", Type: U32, Tags: "MGP", Text: "Jobs that wait for a loop", Metric: "current_run_queue", get: func(p *Facts) Value { return number(p.RunQueue) }},
	{Name: "Idle_pct", Type: U32, Tags: "MaP", Text: "Time that loops wait, in percent", Metric: "idle_time_percent", get: func(p *Facts) Value { return number(p.IdlePercent) }},
	{Name: "node", Type: Str, Tags: "COS", Text: "Name of this machine", get: func(p *Facts) Value { return text(p.Node) }},
	{Name: "description", Type: Str, Tags: "COS", Text: "Description in global", get: description},
	{Name: "Stopping", Type: U32, Tags: "MGP", Text: "1 during a soft stop", Metric: "stopping", get: func(p *Facts) Value { return boolean(p.Stopping) }},
	{Name: "Jobs", Type: U32, Tags: "MGP", Text: "Connections and listeners", Metric: "jobs", get: func(p *Facts) Value { return number(p.Jobs) }},
	{Name: "Unstoppable Jobs", Type: U32, Tags: "MGP", Text: "Jobs that a soft stop does not wait for", Metric: "unstoppable_jobs", get: func(p *Facts) Value { return number(p.Unstoppable) }},
	{Name: "Listeners", Type: U32, Tags: "MGP", Text: "Open listeners", Metric: "listeners", get: func(p *Facts) Value { return number(p.Listeners) }},
	{Name: "ActivePeers", Type: U32, Tags: "MGP", Text: "Peers being talked to", Metric: "active_peers", get: zero},
	{Name: "ConnectedPeers", Type: U32, Tags: "MGP", Text: "Peers connected", Metric: "connected_peers", get: zero},
	{Name: "DroppedLogs", Type: U32, Tags: "MGP", Text: "Log lines that found no room", Metric: "dropped_logs_total", Counter: true, get: func(p *Facts) Value { return number(p.DroppedLogs) }},
	{Name: "BusyPolling", Type: U32, Tags: "MGP", Text: "1 if loops never sleep", Metric: "busy_polling_enabled", get: zero},
	{Name: "FailedResolutions", Type: U32, Tags: "MGP", Text: "Names that were not resolved", Metric: "failed_resolutions", Counter: true, get: func(p *Facts) Value { return number(p.Unresolved) }},
	{Name: "TotalBytesOut", Type: U64, Tags: "MGP", Text: "Bytes sent in total", Metric: "bytes_out_total", Counter: true, get: func(p *Facts) Value { return number(p.BytesOut) }},
	{Name: "TotalSplicdedBytesOut", Type: U64, Tags: "MGP", Text: "Bytes sent through pipes in total (the name is spelled so)", Metric: "spliced_bytes_out_total", Counter: true, get: func(p *Facts) Value { return number(p.Spliced) }},
	{Name: "BytesOutRate", Type: U64, Tags: "MRP", Text: "Bytes sent in the last second", Metric: "bytes_out_rate", get: func(p *Facts) Value { return number(p.Rates.BytesOut.Per) }},
	{Name: "DebugCommandsIssued", Type: U32, Tags: "MGP", Text: "Debug commands run", get: zero},
	{Name: "CumRecvLogs", Type: U32, Tags: "MCP", Text: "Log lines received", Metric: "recv_logs_total", Counter: true, get: zero},
	{Name: "Build info", Type: Str, Tags: "POS", Text: "Version", get: func(p *Facts) Value { return text(p.Version) }},
	{Name: "Memmax_bytes", Type: U32, Tags: "CLP", Text: "Limit on memory, 0 for none", Metric: "max_memory_bytes", get: func(p *Facts) Value { return number(p.MemLimit) }},
	{Name: "PoolAlloc_bytes", Type: U64, Tags: "MGP", Text: "Heap held", Metric: "pool_allocated_bytes", get: func(p *Facts) Value { return number(p.HeapBytes) }},
	{Name: "PoolUsed_bytes", Type: U64, Tags: "MGP", Text: "Heap in use", Metric: "pool_used_bytes", get: func(p *Facts) Value { return number(p.HeapUsed) }},
	{Name: "Start_time_sec", Type: U32, Tags: "MDP", Text: "When the process started, in Unix seconds", Metric: "start_time_seconds", get: func(p *Facts) Value { return p.fraction(time.Duration(p.Start.UnixNano()), number(p.Start.Unix())) }},
	{Name: "Tainted", Type: Str, Tags: "SGP", Text: "0: nothing experimental is in use", get: func(*Facts) Value { return text("0") }},
}

// fraction is a time as it is shown with "show info float", else the whole one.
func (p *Facts) fraction(d time.Duration, whole Value) Value {
	if p.Float {
		whole.text = strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
	}
	return whole
}

func one(*Facts) Value  { return number(1) }
func zero(*Facts) Value { return number(0) }
func none(*Facts) Value { return Value{} }

// reuse is HAProxy's way to tell how many clients resume: a handshake that failed
// needed no key either. One that began a second earlier may have ended in this one.
func reuse(p *Facts) Value {
	all := p.Rates.SSL.Per
	if all == 0 {
		return number(0)
	}
	return number(max(all-p.Rates.FrontKeys.Per, 0) * 100 / all)
}

func description(p *Facts) Value {
	if p.Description == "" {
		return Value{}
	}
	return text(p.Description)
}
