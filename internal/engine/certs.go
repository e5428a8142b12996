package engine

import (
	"bascule/internal/backend"
	"bascule/internal/cert"
	"bascule/internal/config"
	"bascule/internal/events"
)

// secured are the TLS settings of the binds of a configuration.
func secured(cfg *config.Config) (list []*cert.Settings) {
	for _, px := range cfg.Proxies {
		for _, b := range px.Binds {
			if b.TLS != nil {
				list = append(list, b.TLS)
			}
		}
	}
	return list
}

// Certificates are those of the binds in force, see admin.Process.
func (e *Engine) Certificates() *cert.Store { return e.certs }

// Audit keeps what an operator has done: in the process's log, in that of global and
// among the events.
func (e *Engine) Audit(text string) {
	e.log.Info(text)
	e.events.Add(events.Event{Kind: events.Action, Level: backend.LevelNotice, Text: text})
	e.tell(backend.LevelNotice, text)
}
