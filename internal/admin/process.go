package admin

import (
	"bascule/internal/backend"
	"bascule/internal/cert"
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
	Reload(ReloadOrder) (ok bool, log string)
	// SetFrontend opens, pauses or shuts a frontend. The error is the answer.
	SetFrontend(name string, to stream.Stage) error
	// SetMaxConn limits the client connections of the process, 0: as it began;
	// false: that is too many.
	SetMaxConn(n int) bool
	// SetConnRate, SetSessRate and SetSSLRate limit connections, sessions and
	// connections with TLS a second, 0: any.
	SetConnRate(n int)
	SetSessRate(n int)
	SetSSLRate(n int)
	// AddServer and DelServer change the servers of a backend. The error is the answer.
	AddServer(b *backend.Backend, add backend.AddServer) error
	DelServer(b *backend.Backend, del backend.DelServer) error
	// Certificates are those of the binds, and their authorities.
	Certificates() *cert.Store
	// Audit keeps what an operator has done: in the log and among the events.
	Audit(text string)
	// StartupLogs is what the last start or reload said.
	StartupLogs() string
}
