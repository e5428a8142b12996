package stats

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"bascule/internal/loop"
)

// LoopFacts are the figures of one loop.
type LoopFacts struct {
	loop.Facts
	LogDrops int64 // log lines that found no room in the loop's ring
}

// An ActivityField is one line of "show activity" and one metric of the loops.
type ActivityField struct {
	Name string // in show activity; HAProxy's where it counts the same
	Text string
	// Metric is the name in Prometheus behind bascule_loop_; "" if there is none.
	Metric  string
	Counter bool
	Seconds bool // the metric is in seconds, the value in nanoseconds
	Micros  bool // show activity is in microseconds, the value in nanoseconds
	Max     bool // the total is the largest, not the sum
	get     func(f *LoopFacts) int64
}

// Activity is all that is known of the loops, in the order it is shown.
var Activity = []ActivityField{
	{Name: "loops", Metric: "turns_total", Counter: true, Text: "Turns of the loop", get: func(f *LoopFacts) int64 { return f.Turns }},
	{Name: "poll_io", Metric: "events_total", Counter: true, Text: "Events that the kernel told", get: func(f *LoopFacts) int64 { return f.Events }},
	{Name: "busy_us", Metric: "busy_seconds_total", Counter: true, Seconds: true, Micros: true, Text: "Time spent outside the wait for events", get: func(f *LoopFacts) int64 { return f.Busy }},
	{Name: "avg_loop_us", Micros: true, Max: true, Text: "Mean time of a turn", get: func(f *LoopFacts) int64 { return f.Busy / max(f.Turns, 1) }},
	{Name: "max_loop_us", Metric: "turn_max_seconds", Seconds: true, Micros: true, Max: true, Text: "Longest turn since the maxima were cleared", get: func(f *LoopFacts) int64 { return f.MaxTurn }},
	{Name: "max_loop_cpu_us", Metric: "turn_cpu_max_seconds", Seconds: true, Micros: true, Max: true, Text: "Most CPU time of the loop's thread in a turn since the maxima were cleared", get: func(f *LoopFacts) int64 { return f.MaxTurnCPU }},
	{Name: "conns", Metric: "connections", Text: "Connections open, of clients and to servers", get: func(f *LoopFacts) int64 { return f.Conns }},
	{Name: "accepted", Metric: "accepted_total", Counter: true, Text: "Connections accepted", get: func(f *LoopFacts) int64 { return f.Accepted }},
	{Name: "accq_pushed", Metric: "accepted_moved_total", Counter: true, Text: "Accepted connections given to a loop with fewer", get: func(f *LoopFacts) int64 { return f.Moved }},
	{Name: "accept_full", Metric: "accept_pauses_total", Counter: true, Text: "Pauses of accepting because no descriptor or memory was left", get: func(f *LoopFacts) int64 { return f.AcceptPauses }},
	{Name: "mail", Metric: "mail_total", Counter: true, Text: "Jobs that came from outside the loop", get: func(f *LoopFacts) int64 { return f.Mail }},
	{Name: "mail_waiting", Metric: "mail_waiting", Text: "Jobs from outside that wait now", get: func(f *LoopFacts) int64 { return f.MailWaiting }},
	{Name: "mail_age_us", Metric: "mail_age_seconds", Seconds: true, Micros: true, Max: true, Text: "Age of the oldest job that waits now", get: func(f *LoopFacts) int64 { return f.MailOldest }},
	{Name: "mail_max_us", Metric: "mail_max_age_seconds", Seconds: true, Micros: true, Max: true, Text: "Longest wait of a job since the maxima were cleared", get: func(f *LoopFacts) int64 { return f.MaxMailAge }},
	{Name: "timers", Metric: "timers_total", Counter: true, Text: "Timers that fired", get: func(f *LoopFacts) int64 { return f.Timers }},
	{Name: "timers_late", Metric: "late_timers_total", Counter: true, Text: "Timers that fired more than 10 ms late", get: func(f *LoopFacts) int64 { return f.LateTimers }},
	{Name: "panics", Metric: "panics_total", Counter: true, Text: "Connections closed because handling them panicked", get: func(f *LoopFacts) int64 { return f.Panics }},
	{Name: "splices", Metric: "splices_total", Counter: true, Text: "Passes of bytes from socket to socket inside the kernel", get: func(f *LoopFacts) int64 { return f.Splices }},
	{Name: "spliced_bytes", Metric: "spliced_bytes_total", Counter: true, Text: "Bytes passed on inside the kernel", get: func(f *LoopFacts) int64 { return f.SplicedBytes }},
	{Name: "buf_held_bytes", Metric: "held_bytes", Text: "Bytes of buffers in use for what has to wait", get: func(f *LoopFacts) int64 { return f.Held }},
	{Name: "log_drops", Metric: "dropped_logs_total", Counter: true, Text: "Log lines that found no room on their way to the writer", get: func(f *LoopFacts) int64 { return f.LogDrops }},
}

// WriteActivity writes "show activity" in HAProxy's layout: a line for each
// field with the total and, with more than one loop, each loop's share.
func WriteActivity(w io.Writer, loops []LoopFacts, now time.Time) error {
	b := fmt.Appendf(nil, "thread_id: 1 (1..%d)\ndate_now: %d.%06d\n", len(loops), now.Unix(), now.Nanosecond()/1000)
	for i := range Activity {
		f := &Activity[i]
		b = appendActivity(b, f.Name, f.Max, loops, func(l *LoopFacts) int64 {
			if f.Micros {
				return f.get(l) / int64(time.Microsecond)
			}
			return f.get(l)
		})
	}
	b = appendSteps(b, "turns", loops, func(l *LoopFacts, step int) int64 { return l.TurnTimes[step] })
	b = appendSteps(b, "turns_cpu", loops, func(l *LoopFacts, step int) int64 { return l.TurnCPU[step] })
	_, err := w.Write(b)
	return err
}

// appendSteps writes a histogram of turns for "show activity".
func appendSteps(b []byte, what string, loops []LoopFacts, get func(l *LoopFacts, step int) int64) []byte {
	for step := range loop.TurnSteps {
		name := fmt.Sprintf("%s_lt_%dus", what, loop.TurnBound(step).Microseconds())
		if step == loop.TurnSteps-1 {
			name = fmt.Sprintf("%s_ge_%dus", what, loop.TurnBound(step-1).Microseconds())
		}
		b = appendActivity(b, name, false, loops, func(l *LoopFacts) int64 { return get(l, step) })
	}
	return b
}

func appendActivity(b []byte, name string, largest bool, loops []LoopFacts, get func(*LoopFacts) int64) []byte {
	var total int64
	for i := range loops {
		if v := get(&loops[i]); largest {
			total = max(total, v)
		} else {
			total += v
		}
	}
	b = strconv.AppendInt(append(append(b, name...), ": "...), total, 10)
	if len(loops) > 1 {
		b = append(b, " ["...)
		for i := range loops {
			b = strconv.AppendInt(append(b, ' '), get(&loops[i]), 10)
		}
		b = append(b, " ]"...)
	}
	return append(b, '\n')
}

// appendLoops writes the metrics of the loops.
func appendLoops(b []byte, loops []LoopFacts, sel *Selection) []byte {
	for i := range Activity {
		f := &Activity[i]
		name := "bascule_loop_" + f.Metric
		if f.Metric == "" || !sel.named(name) {
			continue
		}
		b = appendHead(b, name, f.Text, f.Counter)
		for n := range loops {
			b = appendLoop(b, name, n)
			if v := f.get(&loops[n]); f.Seconds {
				b = strconv.AppendFloat(b, float64(v)/1e9, 'f', -1, 64)
			} else {
				b = strconv.AppendInt(b, v, 10)
			}
			b = append(b, '\n')
		}
	}
	if name := "bascule_loop_turn_seconds"; sel.named(name) && len(loops) > 0 {
		b = appendTurns(b, name, loops)
	}
	return b
}

func appendLoop(b []byte, name string, n int) []byte {
	b = appendLabel(append(append(b, name...), '{'), "loop", strconv.Itoa(n))
	return append(b, "} "...)
}

const turnsHelp = "Time of a turn of the loop"

// appendTurns writes the histogram of turn times.
func appendTurns(b []byte, name string, loops []LoopFacts) []byte {
	b = appendTypedHead(b, name, turnsHelp, "histogram")
	for n := range loops {
		var sum int64
		for step, turns := range loops[n].TurnTimes {
			sum += turns
			bound := "+Inf"
			if step < loop.TurnSteps-1 {
				bound = strconv.FormatFloat(loop.TurnBound(step).Seconds(), 'f', -1, 64)
			}
			b = fmt.Appendf(b, "%s_bucket{loop=\"%d\",le=\"%s\"} %d\n", name, n, bound, sum)
		}
		b = fmt.Appendf(b, "%s_sum{loop=\"%d\"} %s\n", name, n, strconv.FormatFloat(float64(loops[n].Busy)/1e9, 'f', -1, 64))
		b = fmt.Appendf(b, "%s_count{loop=\"%d\"} %d\n", name, n, sum)
	}
	return b
}
