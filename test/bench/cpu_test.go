package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestParseStatReadsANameWithParentheses(t *testing.T) {
	got, err := parseStat("42 (a) b (c)) S 7 42 42 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 3 0 100 0 0")
	want := procStat{pid: 42, parent: 7}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42 S 7", "42 (x) S", "x (x) S 7 42"} {
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

func TestCPUTimeIsKnownToTheMoment(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := cpuOf(self)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		for at := before; at-before < time.Millisecond; {
			at, _ = cpuOf(self)
		}
		close(ended)
	}()
	<-ended
	now, err := cpuOf(self)
	if err != nil || now-before < time.Millisecond {
		t.Errorf("a thread that worked a millisecond and ended counts %v, %v", now-before, err)
	}
	if _, err := cpuOf([]int{1 << 22}); err == nil { // one more than the kernel ever gives out
		t.Error("a process that is not there has used CPU time")
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
