package engine

import "testing"

func TestMemoryIsReturnedWhenABurstIsOver(t *testing.T) {
	freed := 0
	tr := trimmer{free: func() { freed++ }}
	for _, look := range []struct {
		allocated uint64 // ever, in MiB
		want      int    // trims so far
		what      string
	}{
		{30, 0, "in the burst"},
		{60, 0, "still in the burst"},
		{61, 1, "the burst is over"},
		{61, 1, "nothing came since"},
		{62, 1, "too little to be worth it"},
		{64, 2, "three more MiB in calm"},
		{100, 2, "the next burst"},
	} {
		tr.look(look.allocated << 20)
		if freed != look.want {
			t.Errorf("%s: %d trims, want %d", look.what, freed, look.want)
		}
	}
}
