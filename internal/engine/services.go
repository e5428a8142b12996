package engine

import (
	"bascule/internal/config"
	"bascule/internal/stream"
)

// services are the answers made inside for requests of a proxy.
func (e *Engine) services(px *config.Proxy) map[string]stream.Service {
	return nil
}
