package report

import (
	"slices"
	"testing"
	"time"
)

func TestVerdicts(t *testing.T) {
	result := func(kind string, c Counts) Result {
		return Result{Kinds: []KindCounts{{kind, c}}, Total: c, Detect: Never, Back: Never}
	}
	slow := Result{Outage: Times{P99: 150 * time.Millisecond}, StickyOutage: Times{P99: 2 * time.Second}, Detect: 3 * time.Second, Back: time.Second}
	for _, tt := range []struct {
		name   string
		r      Result
		expect Expect
		limits Limits
		want   []string
	}{
		{"nothing happened", result("GET", Counts{Sent: 9, OK: 9}), Expect{}, Limits{}, nil},
		{"a lost GET", result("GET", Counts{Lost: 1}), Expect{Lost: Plain}, Limits{}, []string{"1 lost that may not be"}},
		{"a lost POST that is excused", result("POST", Counts{Lost: 1}), Expect{Lost: Plain}, Limits{}, nil},
		{"lost within the limit", result("GET", Counts{Lost: 2}), Expect{}, Limits{Lost: 2}, nil},
		{"a POST executed twice", result("POST", Counts{OK: 1, Twice: 1}), Expect{Twice: Idempotent}, Limits{}, []string{"1 executed twice that may not be"}},
		{"a PUT executed twice", result("PUT 64 KiB", Counts{OK: 1, Twice: 1}), Expect{Twice: Idempotent}, Limits{}, nil},
		{"an excuse for cut is none for short", result("GET", Counts{Cut: 1, Short: 1}), Expect{Cut: Safe}, Limits{Cut: 9},
			[]string{"1 ended as if complete and were not"}},
		{"slow", slow, Expect{P99: 100 * time.Millisecond, Detect: time.Second, Detects: true}, Limits{}, []string{
			"p99 during the outage 150 ms, over 100 ms", "p99 of sticky users during the outage 2.00 s, over 100 ms",
			"detected after 3.00 s, over 1.00 s"}},
		{"slow within the limits", slow, Expect{P99: 100 * time.Millisecond, Detect: time.Second, Detects: true},
			Limits{P99: 3 * time.Second, Detect: 5 * time.Second}, nil},
		{"slow where times are not limited", slow, Expect{}, Limits{P99: time.Millisecond}, nil},
		{"never detected", result("GET", Counts{OK: 1}), Expect{Detects: true}, Limits{}, []string{"not detected"}},
		{"messages", Result{Sockets: Sockets{Chat: Chat{Said: 5, Lost: 1, Doubled: 2}}}, Expect{Lost: Chats}, Limits{},
			[]string{"1 messages lost, 2 doubled"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.Judge(tt.expect, tt.limits)
			if !slices.Equal(tt.r.Failures, tt.want) {
				t.Errorf("got  %q\nwant %q", tt.r.Failures, tt.want)
			}
			if passed := tt.r.Verdict == Passed; passed != (len(tt.want) == 0) {
				t.Errorf("verdict %s", tt.r.Verdict)
			}
		})
	}
}

func TestWhatDidNotRunFailsAndWhatIsSkippedDoesNot(t *testing.T) {
	for verdict, want := range map[string]bool{Passed: true, Failed: false, NotRun: false, Skipped: true} {
		r := Report{Sides: []Side{{Results: []Result{{Verdict: Passed}, {Verdict: verdict}}}, {Results: []Result{{Verdict: Failed}}}}}
		if r.Finish(); r.Passed != want {
			t.Errorf("%s: passed %v", verdict, r.Passed)
		}
	}
	if r := (Report{}); func() bool { r.Finish(); return r.Passed }() {
		t.Error("a drill without results passed")
	}
}

func TestSidesAreCompared(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name       string
		own, other time.Duration
		want       string
	}{
		{"the same", 50 * ms, 50 * ms, Equal}, {"within 5 ms", 9 * ms, 4 * ms, Equal}, {"6 ms more", 10 * ms, 4 * ms, Worse},
		{"within a tenth", 1090 * ms, 1000 * ms, Equal}, {"more than a tenth", 1101 * ms, 1000 * ms, Worse},
		{"less", 100 * ms, 2000 * ms, Better}, {"never", Never, 9 * ms, Worse}, {"the other never", 9 * ms, Never, Better},
		{"both never", Never, Never, Equal},
	} {
		if got := compareTimes(tt.own, tt.other, equalTime); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	own := Result{Name: "kill", Verdict: Passed, Kinds: []KindCounts{{"PUT 64 KiB", Counts{Twice: 3}}}}
	other := Result{Name: "kill", Verdict: Failed, Kinds: []KindCounts{{"POST", Counts{Twice: 1}}}}
	all := Compare([]Side{{"bascule", []Result{own, {Name: "cut", Verdict: NotRun}}}, {"haproxy", []Result{{Name: "cut", Verdict: Passed}, other}}})
	if len(all) != 1 || all[0].Losses != Better || all[0].Worse() {
		t.Errorf("%+v", all)
	}
}
