package stats

import (
	"strconv"
	"time"

	"bascule/internal/backend"
)

// ownFields are the columns behind the column "-", where HAProxy puts those of its
// modules: first those of its module of TLS, in the same places, then what HAProxy
// does not have. Who counts columns finds HAProxy's where they were.
func ownFields() []Field {
	return []Field{
		{Name: "ssl_sess", Type: U64, Tags: "MCP", On: onFBS, Text: "TLS handshakes done with a new key, as in HAProxy's module of TLS", get: count(backend.TLSFull)},
		{Name: "ssl_reused_sess", Type: U64, Tags: "MCP", On: onFBS, Text: "TLS handshakes that resumed a session", get: count(backend.TLSResumed)},
		{Name: "ssl_failed_handshake", Type: U64, Tags: "MCP", On: onFBS, Text: "TLS handshakes that failed", get: count(backend.TLSFailed)},
		{Name: "ws_restart", Type: U64, Tags: "MCP", On: onBS, Text: "WebSockets ended here, or by the death of their server, with Close 1012", get: count(backend.ClosesRestart)},
		{Name: "ws_away", Type: U64, Tags: "MCP", On: onBS, Text: "WebSockets ended with Close 1001: the process or the client went away", get: count(backend.ClosesAway)},
		{Name: "ws_bare", Type: U64, Tags: "MCP", On: onBS, Text: "WebSockets ended in the middle of a frame, without a Close", get: count(backend.ClosesBare)},
		{Name: "blamed", Type: U64, Tags: "MCP", On: onS, Text: "Refused and broken connections and silences that speak against the server", get: count(backend.Blamed)},
		{Name: "fast_down", Type: U64, Tags: "MCP", On: onS, Text: "Times that traffic and checks at the fast pace took the server down", get: count(backend.FastDowns)},
		{Name: "spared_last", Type: U64, Tags: "MCP", On: onS, Text: "Times that they did not, since no other server was usable", get: count(backend.SparedLast)},
		{Name: "spared_half", Type: U64, Tags: "MCP", On: onS, Text: "Times that they did not, since they had taken half of the backend", get: count(backend.SparedHalf)},
		{Name: "shunned", Type: U64, Tags: "MCP", On: onS, Text: "Times that requests were sent elsewhere, since so many in a row had broken on the server", get: count(backend.Shunned)},
		{Name: "shun_probes", Type: U64, Tags: "MCP", On: onS, Text: "Requests that were sent to it meanwhile, to see whether it replies again", get: count(backend.ShunProbes)},
		{Name: "held", Type: U64, Tags: "MCP", On: onS, Text: "Falls behind which the server had to pass its checks for longer than others, since it came and went", get: count(backend.Held)},
		{Name: "hold", Type: U32, Tags: "MGP", On: onS, Text: "Seconds for which it must pass its checks now to be UP; nothing if it is not held", get: hold},
		{Name: "slowstart_held", Type: U32, Tags: "MGP", On: onS, Text: "Seconds for which the ramp of its slowstart has been held; nothing outside of one", get: slowstartHeld},
		{Name: "idle_limit", Type: U32, Tags: "MDP", On: onS, Text: "Milliseconds behind which the server ends idle connections, as far as learnt; nothing if not", get: learntIdle},
		{Name: "drain_moved", Type: U64, Tags: "MCP", On: onBS, Text: "Users of a cookie that a drain with a deadline moved to another server", get: count(backend.DrainMoves)},
		{Name: "replayed", Type: U64, Tags: "MCP", On: onBS, Text: "Requests sent again because this server failed, that it may have taken", get: count(backend.Replays)},
		{Name: "replayed_unsent", Type: U64, Tags: "MCP", On: onBS, Text: "Requests sent again that this server provably had not taken", get: count(backend.ReplaysUnsent)},
		{Name: "races", Type: U64, Tags: "MCP", On: onBS, Text: "Kept connections that ended as they were used; of the requests sent again", get: count(backend.Races)},
		{Name: "replay_budget", Type: U64, Tags: "MCP", On: onBS, Text: "Requests not sent again because the budget was used up", get: count(backend.ReplaysRefused)},
		{Name: "replay_size", Type: U64, Tags: "MCP", On: onBS, Text: "Requests not sent again because their body was not kept", get: count(backend.ReplaysTooLarge)},
		{Name: "replay_nowhere", Type: U64, Tags: "MCP", On: onBS, Text: "Requests not sent again because no other server was left", get: count(backend.ReplaysNowhere)},
		{Name: "replayed_error", Type: U64, Tags: "MCP", On: onBS, Text: "Requests sent again because this server answered errors; of those replayed", get: count(backend.ReplaysError)},
		{Name: "unkept", Type: U64, Tags: "MCP", On: onBS, Text: "Requests whose body was too large to be kept, or came when memory for it was short", get: count(backend.Unkept)},
		{Name: "ws_cur", Type: U64, Tags: "MGP", On: onBS, Text: "WebSockets now", get: webSockets},
		{Name: "ttime_steps", Type: Str, Tags: "MCP", On: onFBS, Text: "Requests by their total time, as the buckets of bascule_…_total_time_seconds, each without those below it", get: timeSteps},
		{Name: "drains", Type: U64, Tags: "MCP", On: onS, Text: "Drains begun, with a deadline and without", get: count(backend.Drains)},
	}
}

// webSockets are those of a server, or of all servers of a backend.
func webSockets(r *Row) Value {
	if r.Kind == Server {
		return number(r.srv.WebSockets.Load())
	}
	var n int64
	for _, srv := range r.be.Servers() {
		n += srv.WebSockets.Load()
	}
	return number(n)
}

// timeSteps is the histogram of total times, its counts with colons between them: who
// reads it twice has the percentiles of the time between.
func timeSteps(r *Row) Value {
	counted := r.latency().Of(backend.PhaseTotal)
	var b []byte
	for i, n := range counted.Counts {
		if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return text(string(b))
}

// ownMetrics are the names behind bascule_ instead of haproxy_.
func ownMetrics() []metric {
	return []metric{
		{name: "websockets_closed_total", own: true, counter: true, on: onBS, label: "close", states: closeSamples, help: "WebSockets that did not end by themselves, by the Close frame that their client was sent"},
		{name: "websockets", own: true, on: onS, get: func(r *Row) Value { return number(r.srv.WebSockets.Load()) }, help: "WebSockets open now"},
		{name: "tunnels", own: true, on: onS, get: func(r *Row) Value { return number(r.srv.Tunnels.Load()) }, help: "Tunnels open now that are no WebSockets"},
		{name: "drain_left_seconds", own: true, on: onS, skip: true, get: drainLeft, help: "Time until a drain with a deadline ends what is left; only while one is under way"},
		{name: "blamed_total", own: true, field: "blamed", counter: true, on: onS},
		{name: "fast_down_total", own: true, field: "fast_down", counter: true, on: onS},
		{name: "spared_last_total", own: true, field: "spared_last", counter: true, on: onS},
		{name: "spared_half_total", own: true, field: "spared_half", counter: true, on: onS},
		{name: "shunned_total", own: true, field: "shunned", counter: true, on: onS},
		{name: "shun_probes_total", own: true, field: "shun_probes", counter: true, on: onS},
		{name: "held_total", own: true, field: "held", counter: true, on: onS},
		{name: "hold_seconds", own: true, field: "hold", on: onS, skip: true},
		{name: "slowstart_held_seconds", own: true, field: "slowstart_held", on: onS, skip: true},
		{name: "idle_limit_seconds", own: true, field: "idle_limit", millis: true, on: onS, skip: true, help: "Seconds behind which the server ends idle connections, as far as learnt"},
		{name: "drains_total", own: true, field: "drains", counter: true, on: onS},
		{name: "drain_moved_total", own: true, field: "drain_moved", counter: true, on: onBS},
		{name: "replays_total", own: true, counter: true, on: onBS, label: "taken", states: replaySamples, help: "Requests sent again because a server failed, by whether that server may have taken them"},
		{name: "replay_races_total", own: true, field: "races", counter: true, on: onBS},
		{name: "replays_error_total", own: true, field: "replayed_error", counter: true, on: onBS},
		{name: "replays_refused_total", own: true, counter: true, on: onBS, label: "why", states: refusedSamples, help: "Requests that might have been sent again and were not, by the reason"},
		{name: "unkept_bodies_total", own: true, field: "unkept", counter: true, on: onBS},
	}
}

func replaySamples(r *Row) []sample {
	c := r.counters()
	return []sample{{"maybe", c.Sum(backend.Replays)}, {"no", c.Sum(backend.ReplaysUnsent)}}
}

func refusedSamples(r *Row) []sample {
	c := r.counters()
	return []sample{{"budget", c.Sum(backend.ReplaysRefused)}, {"size", c.Sum(backend.ReplaysTooLarge)}, {"nowhere", c.Sum(backend.ReplaysNowhere)}}
}

func closeSamples(r *Row) []sample {
	c := r.counters()
	return []sample{{"1012", c.Sum(backend.ClosesRestart)}, {"1001", c.Sum(backend.ClosesAway)}, {"none", c.Sum(backend.ClosesBare)}}
}

// hold is how long the server must still pass its checks, in seconds.
func hold(r *Row) Value {
	left := r.state.Flap.Left(r.now)
	if left == 0 || r.state.Op != backend.Stopped {
		return Value{}
	}
	return number(int64((left + time.Second - 1) / time.Second))
}

// drainLeft is nothing without a drain that has a deadline.
func drainLeft(r *Row) Value {
	if r.state.Drain == nil || r.state.Drain.Until.IsZero() {
		return Value{}
	}
	return seconds(r.state.Drain.Left(r.now))
}

func learntIdle(r *Row) Value {
	if ms := r.srv.IdleLimit.Load() / int64(time.Millisecond); ms > 0 {
		return number(ms)
	}
	return Value{}
}

func slowstartHeld(r *Row) Value {
	if r.state.Op != backend.Starting {
		return Value{}
	}
	return number(int64(r.state.Held / time.Second))
}
