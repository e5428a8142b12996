package main

import (
	"os"
	"testing"
	"time"
)

func TestParseStatReadsANameWithParentheses(t *testing.T) {
	got, err := parseStat("42 (a) b (c)) S 7 42 42 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 3 0 100 0 0")
	want := procStat{pid: 42, parent: 7, cpu: 1750 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42 S 7", "42 (x) S 7", "x (x) S 7 42 42 0 -1 4194560 1 0 0 0 150 25 0"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestBelowFindsGrandchildren(t *testing.T) {
	all := []procStat{{pid: 5, parent: 4}, {pid: 4, parent: 3}, {pid: 3, parent: 1}, {pid: 9, parent: 1}}
	if got := below(all, 3); len(got) != 3 {
		t.Errorf("got %+v, want processes 3, 4 and 5", got)
	}
}

func TestTreeCPUSeesThisProcessWork(t *testing.T) {
	before, err := treeCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		now, err := treeCPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("reading /proc for ten seconds used no CPU time")
		}
	}
}

func TestCoreBusyLeavesIdleOut(t *testing.T) {
	text := "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 1000 2000 4 5 6 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\n"
	if got, err := parseCoreBusy(text, 0); err != nil || got != 210*time.Millisecond {
		t.Errorf("got %v, %v, want 21 ticks", got, err)
	}
	if _, err := parseCoreBusy(text, 7); err == nil {
		t.Error("a core that is not there has a figure")
	}
}
