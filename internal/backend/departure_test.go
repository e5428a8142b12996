package backend

import (
	"testing"
	"time"
)

// TestADepartureKeepsItsPaceAndItsDeadline plays a removed frontend of a thousand
// WebSockets, other tunnels and requests, by the clock alone.
func TestADepartureKeepsItsPaceAndItsDeadline(t *testing.T) {
	const every = 500 * time.Millisecond
	d := NewDeparture(start, 30*time.Second)
	webSockets, tunnels, requests := int64(1000), int64(10), int64(3)
	firstClose, allClosed, over := time.Duration(-1), time.Duration(-1), time.Duration(-1)
	for at := time.Duration(0); at < time.Minute && over < 0; at += every {
		e, done := d.Step(start.Add(at), webSockets+tunnels+requests, webSockets, tunnels)
		if done {
			over = at
			break
		}
		if e.WebSockets > 0 && firstClose < 0 {
			firstClose = at
		}
		if most := int(2 * firstPace * every / time.Second); e.WebSockets > most*2 {
			t.Errorf("%d WebSockets at once at %s", e.WebSockets, at)
		}
		if e.Tunnels > 0 && at < 24*time.Second {
			t.Errorf("%d tunnels end at %s, before the last call", e.Tunnels, at)
		}
		webSockets -= int64(e.WebSockets)
		tunnels -= int64(e.Tunnels)
		if webSockets == 0 && allClosed < 0 {
			allClosed = at
		}
		if e.All {
			if at != 30*time.Second {
				t.Errorf("all end at %s, want at the deadline", at)
			}
			requests, tunnels = 0, 0
		}
	}
	if firstClose < 10*time.Second || firstClose > 11*time.Second || allClosed < 0 || allClosed > 24*time.Second || over != 30*time.Second+every {
		t.Errorf("the first went at %s, the last at %s, over at %s", firstClose, allClosed, over)
	}
}
