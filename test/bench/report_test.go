package main

import (
	"strings"
	"testing"
)

func TestMedianTakesTheMiddleOfEachFigure(t *testing.T) {
	got := median([]round{
		{MicrosPerRequest: 9, PerSecond: 10, Busy: 1},
		{MicrosPerRequest: 7, PerSecond: 30, Busy: 0.5},
		{MicrosPerRequest: 8, PerSecond: 20, Busy: 0.75},
	})
	if want := (round{MicrosPerRequest: 8, PerSecond: 20, Busy: 0.75}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := median([]round{{MicrosPerRequest: 2}, {MicrosPerRequest: 1}}); got.MicrosPerRequest != 1 {
		t.Errorf("of two rounds got %v, want the lower", got.MicrosPerRequest)
	}
}

func TestMarkdownShowsRatiosOfTheFirstProxy(t *testing.T) {
	compared := []*proxy{{name: "bascule", title: "bascule"}, {name: "haproxy", title: "HAProxy 2.6.12"}}
	chosen := []row{{name: "h1-64", title: "small"}}
	results := []result{
		{Row: "h1-64", Proxy: "bascule", Median: round{MicrosPerRequest: 6, PerSecond: 150_000}},
		{Row: "h1-64", Proxy: "haproxy", Median: round{MicrosPerRequest: 12, PerSecond: 80_400}},
	}
	var got strings.Builder
	markdown(&got, chosen, compared, results)
	want := "| workload | bascule | HAProxy 2.6.12 | bascule : haproxy |\n" +
		"| --- | ---: | ---: | ---: |\n" +
		"| small | 6.0 µs, 150k/s | 12.0 µs, 80k/s | 0.50 |\n"
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
	for _, args := range [][]string{{"--rounds", "0"}, {"--seconds", "0.1"}, {"--seconds", "90"}, {"extra"}} {
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
