package cert

import (
	"testing"
	"time"
)

func TestKeysOfTicketsTurn(t *testing.T) {
	var k Tickets
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var first [32]byte
	for i, step := range []struct {
		after time.Duration
		turns bool
		keys  int
	}{{0, true, 1}, {time.Hour, false, 1}, {11 * time.Hour, true, 2}, {12 * time.Hour, true, 3}, {12 * time.Hour, true, 3}} {
		now = now.Add(step.after)
		if k.Turn(now) != step.turns || len(k.keys) != step.keys {
			t.Errorf("step %d: turned %v, %d keys; want %v, %d", i, !step.turns, len(k.keys), step.turns, step.keys)
		}
		if i == 0 {
			first = k.keys[0]
		}
	}
	for i, key := range k.keys {
		if key == first {
			t.Errorf("key %d is still the first one", i)
		}
	}
}
