package h1

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestALifetimeIsLearnt(t *testing.T) {
	const second = time.Second
	tests := map[string]struct {
		ended []time.Duration
		idle  time.Duration
		want  bool
	}{
		"nothing is known":                 {nil, 5 * second, false},
		"one end is chance":                {[]time.Duration{5 * second}, 5 * second, false},
		"two are a rule":                   {[]time.Duration{5 * second, 5*second + 100*time.Millisecond}, 5*second - 100*time.Millisecond, true},
		"a young one is safe":              {[]time.Duration{5 * second, 5 * second}, 4 * second, false},
		"different ones are no rule":       {[]time.Duration{5 * second, 9 * second, 2 * second}, 5 * second, false},
		"short ones are those of a death":  {[]time.Duration{second / 2, second / 2}, second / 2, false},
		"the last rule counts":             {[]time.Duration{5 * second, 5 * second, 60 * second, 61 * second}, 5 * second, false},
		"one that has outlived it is safe": {[]time.Duration{5 * second, 5 * second}, 6 * second, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var l lifetime
			var limit atomic.Int64
			for _, d := range tt.ended {
				l.ended(d, &limit)
			}
			if got := over(tt.idle, &limit); got != tt.want {
				t.Errorf("got %t, want %t: %+v, %s", got, tt.want, l, time.Duration(limit.Load()))
			}
		})
	}
	var l lifetime
	var limit atomic.Int64
	l.ended(5*second, &limit)
	l.ended(5*second, &limit)
	if over(6*second, &limit) || over(5*second, &limit) {
		t.Errorf("a connection has outlived it, and yet: %+v", l)
	}
}
