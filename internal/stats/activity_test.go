package stats

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"bascule/internal/loop"
)

func twoLoops() []LoopFacts {
	a := LoopFacts{Facts: loop.Facts{Turns: 4, Busy: 8000, Accepted: 2, MaxTurn: 5000}, LogDrops: 1}
	a.TurnCPU[1], a.MaxTurnCPU = 4, 3000
	a.TurnTimes[0], a.TurnTimes[loop.TurnSteps-1] = 3, 1
	b := LoopFacts{Facts: loop.Facts{Turns: 2, Busy: 2000, Accepted: 1, MaxTurn: 9000}}
	b.TurnTimes[0] = 2
	return []LoopFacts{a, b}
}

func TestShowActivityHasHAProxysLayout(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	var many, one bytes.Buffer
	if err := WriteActivity(&many, twoLoops(), at); err != nil {
		t.Fatal(err)
	}
	if err := WriteActivity(&one, twoLoops()[:1], at); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"thread_id: 1 (1..2)\ndate_now: 1700000000.123456\nloops: 6 [ 4 2 ]\n",
		"\navg_loop_us: 2 [ 2 1 ]\n", "\nmax_loop_us: 9 [ 5 9 ]\n", "\nmax_loop_cpu_us: 3 [ 3 0 ]\n", "\nturns_cpu_lt_131us: 4 [ 4 0 ]\n", "\naccepted: 3 [ 2 1 ]\n", "\nlog_drops: 1 [ 1 0 ]\n",
		"\nturns_lt_65us: 5 [ 3 2 ]\n", "\nturns_ge_134217us: 1 [ 1 0 ]\n",
	} {
		if !strings.Contains(many.String(), want) {
			t.Errorf("no %q in:\n%s", want, &many)
		}
	}
	if got := one.String(); strings.Contains(got, "[") || !strings.Contains(got, "\nloops: 4\n") {
		t.Errorf("one loop has no shares, got:\n%s", got)
	}
}

func TestTheLoopsHaveMetrics(t *testing.T) {
	sel := ParseSelection("")
	got := string(appendLoops(nil, twoLoops(), &sel))
	for _, want := range []string{
		"# TYPE bascule_loop_turns_total counter\nbascule_loop_turns_total{loop=\"0\"} 4\nbascule_loop_turns_total{loop=\"1\"} 2\n",
		"bascule_loop_busy_seconds_total{loop=\"0\"} 0.000008\n",
		"# TYPE bascule_loop_turn_seconds histogram\nbascule_loop_turn_seconds_bucket{loop=\"0\",le=\"0.000065536\"} 3\n",
		"bascule_loop_turn_seconds_bucket{loop=\"0\",le=\"+Inf\"} 4\nbascule_loop_turn_seconds_sum{loop=\"0\"} 0.000008\nbascule_loop_turn_seconds_count{loop=\"0\"} 4\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	sel = ParseSelection("metrics=bascule_loop_turns_total")
	if got := string(appendLoops(nil, twoLoops(), &sel)); strings.Count(got, "# TYPE") != 1 {
		t.Errorf("one metric was asked for, got:\n%s", got)
	}
}
