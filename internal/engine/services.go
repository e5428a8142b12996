package engine

import (
	"bascule/internal/config"
	"bascule/internal/live"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// services are the answers made inside for the requests of a proxy: what
// `http-request use-service` and `stats uri` name.
func (e *Engine) services(*config.Proxy) map[string]stream.Service {
	return map[string]stream.Service{
		stream.StatsService:   &live.Page{Board: e.board, Classic: stats.Page{Source: &e.source, Audit: e.board.Audit}},
		"prometheus-exporter": stats.Prometheus{Source: &e.source},
	}
}
