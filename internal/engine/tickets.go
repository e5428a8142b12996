package engine

import (
	"time"

	"bascule/internal/config"
)

// resume lets the binds of cfg take the tickets that were given out before.
func (e *Engine) resume(cfg *config.Config) {
	e.tickets.Turn(time.Now())
	for _, px := range cfg.Proxies {
		for _, b := range px.Binds {
			if b.TLS != nil {
				e.tickets.Use(b.TLS)
			}
		}
	}
}

// renew changes the key of tickets when it is time.
func (e *Engine) renew(now time.Time) {
	if e.tickets.Turn(now) {
		e.resume(e.Config())
	}
}
