package drill

import (
	"testing"
	"time"
)

func TestKillIsNoticedAndMended(t *testing.T) {
	lab := startLab(t, quick(t))
	target := lab.Target()
	fault := Faults(target)[0]
	fault.Lasts = 100 * time.Millisecond
	if err := fault.Needs(target); err != nil {
		t.Fatal(err)
	}
	out, err := fault.Do(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range []time.Time{out.Injected, out.Down, out.Mending, out.Mended, out.Up} {
		if !at.After(out.Begun) {
			t.Errorf("time %d of %+v is not after the beginning", i, out)
		}
	}
	if out.Up.Before(out.Mended) {
		t.Errorf("UP %v before it was mended", out.Mended.Sub(out.Up))
	}
	if err := fault.Mend(t.Context(), target); err != nil {
		t.Errorf("mended twice: %v", err)
	}
}
