package admin

import (
	"bascule/internal/backend"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// A Process is what the worker's commands ask and steer; engine is one.
type Process interface {
	// Stats is where all figures come from, and the configuration in force.
	Stats() *stats.Source
	// Sessions lists the streams under way, of all loops.
	Sessions() []stream.Session
	// Kill ends one stream; false if there is none with that number.
	Kill(id uint64) bool
	// ShutdownSessions ends all streams of a server.
	ShutdownSessions(srv *backend.Server)
	// Reload reads the configuration again; log tells what was found.
	Reload() (ok bool, log string)
	// StartupLogs is what was said while starting.
	StartupLogs() string
}
