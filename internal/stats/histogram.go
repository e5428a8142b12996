package stats

import (
	"strconv"
	"time"

	"bascule/internal/backend"
)

// A histogram is one name of the Prometheus form with classic buckets, behind
// bascule_frontend_, bascule_backend_ or bascule_server_.
type histogram struct {
	name  string
	phase backend.Phase
	on    Kinds
	http  bool // only of proxies in mode http
	skip  bool // no series before the first is counted
	help  string
}

// histograms are what requests spent in their phases. Times that a request did
// not reach are not in them, times of one that failed are.
var histograms = []histogram{
	{name: "queue_time_seconds", phase: backend.PhaseQueue, on: onFBS, help: "Time that requests waited in queues until their last try to reach a server began"},
	{name: "connect_time_seconds", phase: backend.PhaseConnect, on: onFBS, help: "Time to a connection to the server, 0 for a kept one"},
	{name: "response_time_seconds", phase: backend.PhaseResponse, on: onFBS, help: "Time from the connection until the head of the response"},
	{name: "total_time_seconds", phase: backend.PhaseTotal, on: onFBS, help: "Time from the first byte of a request to the end of its response; of mode tcp, of the session"},
	{name: "websocket_time_seconds", phase: backend.PhaseWebSocket, on: onFBS, http: true, skip: true, help: "How long WebSockets lived that have ended"},
}

// latency is of the row's object; nil for a listener.
func (r *Row) latency() *backend.Latency {
	switch r.Kind {
	case Frontend:
		return r.fe.Latency
	case Backend:
		return r.be.Latency
	case Server:
		return r.srv.Latency
	}
	return nil
}

// append writes all series of a histogram; nothing if there are none.
func (h *histogram) append(b []byte, name string, kind Kind, rows []Row) []byte {
	head := false
	for i := range rows {
		r := &rows[i]
		if r.Kind != kind || h.http && !r.http() {
			continue
		}
		counted := r.latency().Of(h.phase)
		if h.skip && counted.Count() == 0 {
			continue
		}
		if !head {
			b, head = appendTypedHead(b, name, h.help, "histogram"), true
		}
		b = appendHistogram(b, name, string(r.appendLabels(nil)), &counted)
	}
	return b
}

// appendHistogram writes the buckets, the sum and the count of one histogram.
func appendHistogram(b []byte, name, labels string, h *backend.Histogram) []byte {
	var below int64
	for step, n := range h.Counts {
		below += n
		b = append(append(append(append(b, name...), "_bucket{"...), labels...), `,le="`...)
		if step < backend.LatencySteps-1 {
			b = appendFloat(b, backend.LatencyBound(h.Phase, step))
		} else {
			b = append(b, "+Inf"...)
		}
		b = append(strconv.AppendInt(append(b, `"} `...), below, 10), '\n')
	}
	b = append(append(append(append(b, name...), "_sum{"...), labels...), "} "...)
	b = append(appendFloat(b, h.Sum), '\n')
	b = append(append(append(append(b, name...), "_count{"...), labels...), "} "...)
	return append(strconv.AppendInt(b, below, 10), '\n')
}

// appendFloat writes a time in seconds, without an exponent.
func appendFloat(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', -1, 64)
}
