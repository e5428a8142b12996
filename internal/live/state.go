package live

import (
	"slices"

	"bascule/internal/backend"
	"bascule/internal/stats"
)

// states are the classes of a server's state, as the page draws them.
var states = []string{"up", "going-down", "no-check", "drain", "going-up", "maint", "down"}

// stateNumber is the place of the state in states, from 1.
func stateNumber(st *backend.State) uint8 {
	return uint8(slices.Index(states, stats.ServerClass(st)) + 1)
}
