package h1

import "testing"

func TestWhenAnotherLoopIsAskedForAConnection(t *testing.T) {
	tests := map[string]struct {
		idle, low   int
		short, want bool
	}{
		"none is idle":                           {idle: 0, want: false},
		"none is idle and descriptors are short": {idle: 0, short: true, want: false},
		"all are asked for already":              {idle: -1, want: false},
		"one is idle":                            {idle: 1, want: true},
		"fewer than pool-low-conn":               {idle: 3, low: 4, want: false},
		"as many as pool-low-conn":               {idle: 4, low: 4, want: true},
		"fewer, but descriptors are short":       {idle: 3, low: 4, short: true, want: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := worthAsking(tt.idle, tt.low, tt.short); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWhichConnectionMeetsANeed(t *testing.T) {
	for _, tt := range []struct {
		n    need
		used int32
		want bool
	}{{nothing, 9, false}, {seasoned, 1, false}, {seasoned, 2, true}, {anyIdle, 1, true}} {
		if got := tt.n.met(&back{used: tt.used}); got != tt.want {
			t.Errorf("need %d, used %d: %v, want %v", tt.n, tt.used, got, tt.want)
		}
	}
}
