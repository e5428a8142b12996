package drill

import (
	"testing"
	"time"
)

func TestWatchSeesWhenServersGoAndCome(t *testing.T) {
	w := &Watch{}
	last := map[string]string{}
	see := func(a, b string) {
		w.note([]Row{
			{"pxname": "be", "svname": "a", "status": a}, {"pxname": "be", "svname": "b", "status": b},
			{"pxname": "other", "svname": "a", "status": "DOWN"}, {"pxname": "be", "svname": "BACKEND", "status": "DOWN"},
		}, "be", last)
	}
	see("UP", "UP")
	begun := time.Now()
	both := []string{"a", "b"}
	see("UP 2/3", "UP")
	if at := w.firstDown(both, begun); !at.IsZero() {
		t.Errorf("on its way down: down at %v, want not", at)
	}
	see("DOWN", "UP")
	see("DOWN", "DOWN")
	down := w.firstDown(both, begun)
	if down.IsZero() || w.firstDown([]string{"b"}, begun).Before(down) {
		t.Errorf("a was down at %v, b at %v", down, w.firstDown([]string{"b"}, begun))
	}
	see("DOWN 1/2", "UP")
	if _, ok := w.allUp(both, begun); ok {
		t.Error("a is down, and all are up")
	}
	mended := time.Now()
	see("UP", "UP")
	if at, ok := w.allUp(both, begun); !ok || at.Before(mended) {
		t.Errorf("up at %v, %v; want after %v", at, ok, mended)
	}
	if n := len(w.Changes()); n != 8 {
		t.Errorf("%d changes, want 8: %v", n, w.Changes())
	}
}
