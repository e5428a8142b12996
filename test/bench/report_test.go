package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMedianTakesTheMiddleOfEachFigureAndTheMeanOfShares(t *testing.T) {
	got := median([]round{
		{MicrosPerRequest: 9, PerSecond: 10, Busy: 1, Others: 0.5},
		{MicrosPerRequest: 7, PerSecond: 30, Busy: 0.5, Others: -0.25},
		{MicrosPerRequest: 8, PerSecond: 20, Busy: 0.75, Others: -0.25},
	})
	if want := (round{MicrosPerRequest: 8, PerSecond: 20, Busy: 0.75}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMarkdownShowsRatiosOfTheFirstProxy(t *testing.T) {
	compared := []*proxy{{name: "bascule", title: "bascule"}, {name: "haproxy", title: "HAProxy 2.6.12"}}
	chosen := []row{{name: "h1-64", title: "small", target: target{haproxy: 0.75, nginx: 1}}, {name: "held", title: "held", idle: true, target: target{own: 1}}}
	results := []result{
		{Row: "h1-64", Proxy: "bascule", Median: round{MicrosPerRequest: 6, PerSecond: 150_000}},
		{Row: "h1-64", Proxy: "haproxy", Median: round{MicrosPerRequest: 12, PerSecond: 80_400}, Ratio: &interval{0.512, 0.501, 0.52, 0.96}},
		{Row: "held", Proxy: "bascule", Median: round{KiBPerConn: 1.3}},
		{Row: "held", Proxy: "haproxy", Median: round{KiBPerConn: 4.5}, Ratio: &interval{Ratio: 0.29}},
	}
	var got strings.Builder
	markdown(&got, chosen, compared, results)
	want := "| workload | bascule | HAProxy 2.6.12 | bascule : haproxy | target |\n" +
		"| --- | ---: | ---: | ---: | --- |\n" +
		"| small | 6.0 µs, 150k/s | 12.0 µs, 80k/s | 0.512 (0.501–0.520) | HAProxy ≤ 0.75: ok |\n" +
		"| held | 1.30 KiB | 4.50 KiB | 0.29 | KiB ≤ 1.00: **miss** |\n"
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestDoubtsNameBusyCoresAndLostLines(t *testing.T) {
	chosen := []row{{name: "a"}, {name: "b", log: true}}
	var got strings.Builder
	doubts(&got, chosen, []result{
		{Row: "a", Proxy: "nginx", Median: round{Others: 0.2}},
		{Row: "a", Proxy: "haproxy", Median: round{Others: 0.05}},
		{Row: "b", Proxy: "nginx", Median: round{Logged: 0.5}},
	})
	want := "nginx under a: other work took 20 % of the proxy's core\n" +
		"nginx under b: only 50 % of the log lines arrived\n"
	if got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestChooseKeepsTheListsOrder(t *testing.T) {
	got, err := choose(rows, "ws-1000,h1-64", rowName)
	if err != nil || len(got) != 2 || got[0].name != "ws-1000" || got[1].name != "h1-64" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose(rows, "h3", rowName); err == nil || !strings.Contains(err.Error(), "h1-64") {
		t.Errorf("an unknown row gives %v, want an error that lists the rows", err)
	}
}

func TestFlagsOutOfRangeAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--seconds", "0.1"}, {"--seconds", "90"}, {"--turns", "19"}, {"--slice", "1ms"}, {"extra"}} {
		if _, err := parseFlags(args, &strings.Builder{}); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

func TestUpdateReplacesOnlyWhatStandsBetweenTheMarks(t *testing.T) {
	got, err := replaceBetween("a\n"+updateBegin+"old\n"+updateEnd+"b\n", "new\n")
	if want := "a\n" + updateBegin + "new\n" + updateEnd + "b\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, bad := range []string{"no marks\n", updateBegin + "only one\n", updateEnd + updateBegin} {
		if _, err := replaceBetween(bad, "new\n"); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestASharedCoreIsSaidBelowTheTable(t *testing.T) {
	if got := shared([]result{{Median: round{Others: 0.09}}}); got != "" {
		t.Errorf("a quiet core gives %q", got)
	}
	got := shared([]result{{Median: round{Others: 0.2}}, {Median: round{Others: 0.683}}})
	if !strings.Contains(got, "up to 68 %") {
		t.Errorf("got %q, want the largest share", got)
	}
}

func TestTheTrendFileGrowsByALinePerRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trend.jsonl")
	compared := []*proxy{{name: "bascule"}, {name: "haproxy"}}
	chosen := []row{{name: "a", target: target{haproxy: 0.75}}, {name: "b"}}
	results := []result{
		{Row: "a", Proxy: "bascule", Median: round{MicrosPerRequest: 9}},
		{Row: "a", Proxy: "haproxy", Median: round{MicrosPerRequest: 10, Others: 0.5}, Ratio: &interval{0.9, 0.89, 0.91, 0.96}},
		{Row: "b", Proxy: "bascule", Median: round{MicrosPerRequest: 1}},
		{Row: "b", Proxy: "haproxy", Median: round{MicrosPerRequest: 3}, Ratio: &interval{Ratio: 0.333}},
	}
	for range 2 {
		if err := appendTrend(path, options{plan: plan{rounds: 3, turns: 30, slice: 200 * time.Millisecond}}, chosen, compared, results); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines after two runs of two rows, want 4", len(lines))
	}
	var got trendLine
	if err := json.Unmarshal([]byte(lines[2]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Row != "a" || got.Ratios["haproxy"] != 0.9 || got.Within["haproxy"] != [2]float64{0.89, 0.91} || got.Seconds != 2 || got.Others != 0.5 || got.Target != "HAProxy ≤ 0.75: **miss**" || got.Commit == "" {
		t.Errorf("got %+v", got)
	}
}
