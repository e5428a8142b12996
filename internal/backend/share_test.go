package backend

import (
	"math"
	"testing"

	"bascule/internal/config"
)

func TestSharesOfServers(t *testing.T) {
	weigh := func(p *config.Proxy) { p.Servers[1].Weight = 2; p.Servers[2].Backup = true }
	for name, tt := range map[string]struct {
		edit func(*config.Proxy)
		want []float64
		off  float64 // that a ring may have
	}{
		"map":        {byURI(false), []float64{1. / 3, 2. / 3, 0, 0}, 0},
		"ring":       {byURI(true), []float64{1. / 3, 2. / 3, 0, 0}, 0.2},
		"jump":       {byJump, []float64{1. / 3, 2. / 3, 0, 0}, 0},
		"roundrobin": {by(config.Balance{}), []float64{1. / 3, 2. / 3, 0, 0}, 0},
	} {
		p := proxy(4, weigh, tt.edit, func(p *config.Proxy) { p.Servers[3].Disabled = true })
		got, sum := New(p, Env{Loops: 1}).Snapshot().Shares(), 0.0
		for i, s := range got {
			if sum += s; math.Abs(s-tt.want[i]) > tt.off+1e-9 {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: the shares add up to %v", name, sum)
		}
	}
	if got := New(proxy(0), Env{Loops: 1}).Snapshot().Shares(); len(got) != 0 {
		t.Errorf("a backend without servers has shares: %v", got)
	}
}
