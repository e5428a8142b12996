package engine

import (
	"time"

	"bascule/internal/config"
)

// resume lets the binds of cfg take the tickets that were given out before.
func (e *Engine) resume(cfg *config.Config) {
	e.tickets.Turn(time.Now())
	for _, s := range secured(cfg) {
		e.tickets.Use(s)
	}
}

// renew changes the key of tickets when it is time.
func (e *Engine) renew(now time.Time) {
	if e.tickets.Turn(now) {
		e.resume(e.Config())
	}
}
