package backend

import (
	"testing"
	"time"
)

func TestThrottleKeepsTheRate(t *testing.T) {
	for _, limit := range []int{1, 7, 100, 2500} {
		var th Throttle
		now := int64(12345 * time.Millisecond)
		start, came := now, 0
		for now-start < int64(10*time.Second) {
			if d := th.Wait(limit, now); d > 0 {
				now += int64(d)
				continue
			}
			th.Count(now)
			came++
		}
		if got := float64(came) / 10; got > float64(limit)*1.12+0.2 || got < float64(limit)*0.8 {
			t.Errorf("limit %d: %.1f a second came through", limit, got)
		}
	}
}

func TestThrottleWithoutALimitOrAfterARestLetsAllIn(t *testing.T) {
	var th Throttle
	now := int64(time.Hour)
	for range 1000 {
		th.Count(now)
	}
	if d := th.Wait(0, now); d != 0 {
		t.Errorf("without a limit: wait %v", d)
	}
	if th.Wait(10, now) == 0 {
		t.Error("a hundred times the limit, and another one is let in")
	}
	if d := th.Wait(10, now+int64(3*time.Second)); d != 0 {
		t.Errorf("after a rest: wait %v", d)
	}
}
