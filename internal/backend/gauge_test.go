package backend

import (
	"sync"
	"testing"
)

// TestClaimsKeepTheLimit has many loops look and enter at once: without the
// promise each of them could be the one too many.
func TestClaimsKeepTheLimit(t *testing.T) {
	const limit, loops, turns = 3, 8, 2000
	var g Gauge
	var wg sync.WaitGroup
	for range loops {
		wg.Go(func() { // ends with its turns
			for i := range turns {
				if !g.Claim(limit) {
					continue
				}
				if i%3 == 0 { // there was no connection
					g.Unclaim()
					continue
				}
				g.Enter()
				g.Unclaim()
				g.Leave()
			}
		})
	}
	wg.Wait()
	if g.Max() > limit || g.Max() == 0 || g.Cur() != 0 || g.claimed.Load() != 0 {
		t.Errorf("most %d of %d, %d left, %d promised", g.Max(), limit, g.Cur(), g.claimed.Load())
	}
}

func TestAPromiseIsNotShown(t *testing.T) {
	var g Gauge
	if !g.Claim(1) || g.Cur() != 0 || g.Max() != 0 {
		t.Errorf("a promise shows %d, most %d", g.Cur(), g.Max())
	}
	if g.Claim(1) {
		t.Error("the only place is promised twice")
	}
	g.Unclaim()
	if !g.Claim(1) {
		t.Error("the place was not given back")
	}
	if !g.Claim(0) {
		t.Error("no limit is one")
	}
}
