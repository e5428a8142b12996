package stats

import (
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/events"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// A Source is where the figures come from. All functions may be called from
// any goroutine; engine gives them.
type Source struct {
	Config      func() *config.Config     // in force; its order of proxies is the order of rows
	Frontends   func() []*stream.Frontend // by name; proxies that are not in Config are not shown
	Backends    func() []*backend.Backend
	Removed     func() []*backend.Server // by reloads, with sessions left; nil: none
	Process     func() Process
	Loops       func() []LoopFacts    // nil: nothing is known of the loops
	Shutdown    func(*backend.Server) // ends the streams of a server, as an operator's word; may be nil
	BadMessages func() uint64         // requests and replies that could not be read
	ClearMax    func()                // makes the loops' maxima begin anew; may be nil
	Logs        *logs.Hub             // rings of log lines; nil: none
	Events      *events.Ring          // what happened lately; nil: nobody notes it
	Rates       *Sampler              // nil: all rates of frontends and of the process are 0
}

// A Process is what is known of the whole process. Totals never go back while
// it lives, reloads included.
type Process struct {
	Version     string // "3.2.0-bascule…": what show info and build_info say
	ReleaseDate string // YYYY/MM/DD
	Node        string
	Description string
	Pid         int
	Start       time.Time
	Threads     int // loops
	Stopping    bool
	Restarts    int64 // workers before this one that crashed, under one master

	Files       int64 // RLIMIT_NOFILE
	Sockets     int64 // descriptors needed at most
	MaxConn     int64 // in force
	HardMaxConn int64 // of the configuration or derived
	ConnLimit   int64 // connections a second, 0: none
	SessLimit   int64 // sessions a second, 0: none
	Conns       int64 // client connections now
	CumConns    int64 // connections accepted, of listeners and runtime sockets
	CumReqs     int64
	BytesOut    int64
	Spliced     int64 // of BytesOut, through pipes

	SSLConns     int64 // with TLS now, to servers included
	CumSSLConns  int64 // in total
	SSLServed    int64 // of them, of clients
	SSLConnLimit int64 // on SSLConns, 0: none
	SSLLimit     int64 // on clients with TLS a second, 0: none

	FrontTLS, BackTLS loop.HandshakeFacts // with clients, with servers
	TLSLimited        [TLSLimits]bool     // which limits hold clients with TLS up now

	Pipes, PipesUsed, PipesFree int64

	Tasks       int64 // timers, goroutines: whatever can become runnable
	RunQueue    int64
	IdlePercent int64 // of the loops' time
	Jobs        int64 // connections and listeners
	Unstoppable int64
	Listeners   int64
	DroppedLogs int64
	Unresolved  int64 // failed resolutions
	HeapBytes   int64 // held by the heap
	HeapUsed    int64
	MemLimit    int64 // bytes, 0: none

	Reloads, ReloadsRefused int64
	LastReload              time.Time // zero: none yet
	LastReloadOK            bool      // it was put in force
	RemovedServers          int64     // that no file has any more and that have sessions left
	RemovedSessions         int64     // of them
}

// Uptime is the age of the process at a time.
func (p *Process) Uptime(now time.Time) time.Duration { return max(now.Sub(p.Start), 0) }

func (s *Source) frontends() map[string]*stream.Frontend {
	m := map[string]*stream.Frontend{}
	for _, f := range s.Frontends() {
		m[f.Name] = f
	}
	return m
}

// Gone are the removed servers of a backend, "" for all.
func (s *Source) Gone(name string) (list []*backend.Server) {
	if s.Removed == nil {
		return nil
	}
	for _, srv := range s.Removed() {
		if name == "" || srv.Backend().Name() == name {
			list = append(list, srv)
		}
	}
	return list
}

func (s *Source) backends() map[string]*backend.Backend {
	m := map[string]*backend.Backend{}
	for _, b := range s.Backends() {
		m[b.Name()] = b
	}
	return m
}
