package engine

import (
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// Stats is where statistics read this process.
func (e *Engine) Stats() *stats.Source { return &e.source }

func (e *Engine) makeSource() {
	e.source = stats.Source{
		Config:      e.Config,
		Frontends:   func() []*stream.Frontend { return e.order.Load().fronts },
		Backends:    func() []*backend.Backend { return e.order.Load().backends },
		Removed:     e.removed,
		Process:     e.process,
		Loops:       e.loopFacts,
		Events:      e.events,
		Logs:        e.hub,
		Shutdown:    e.ShutdownSessions,
		BadMessages: e.env.BadMessages,
		ClearMax: func() {
			for _, l := range e.loops {
				l.ClearMax()
			}
		},
	}
	e.sampler = stats.NewSampler(&e.source)
	e.sampler.Then = e.board.Sample
}

// loopFacts are the figures of each loop.
func (e *Engine) loopFacts() []stats.LoopFacts {
	list := make([]stats.LoopFacts, len(e.loops))
	for i, l := range e.loops {
		list[i] = stats.LoopFacts{Facts: l.Facts(), LogDrops: int64(e.hub.DroppedBy(i))}
	}
	return list
}

// sslConns counts the connections with TLS, of clients and to servers.
func (e *Engine) sslConns() int64 { return e.shakes.Conns() + e.env.Shakes.Conns() }

// process is what is known of the whole process now.
func (e *Engine) process() stats.Process {
	cfg := e.Config()
	limits := e.limits.Load()
	served, _ := e.shakes.Begun()
	_, greeted := e.env.Shakes.Begun()
	p := stats.Process{
		Version: e.opt.Version, ReleaseDate: e.opt.Date, Node: cfg.Global.Node, Description: cfg.Global.Description,
		Pid: os.Getpid(), Restarts: int64(e.opt.Restarts), Start: e.began, Threads: len(e.loops),
		Files: int64(limits.FDs), Sockets: int64(limits.MaxSock),
		MaxConn: e.env.MaxConn.Load(), HardMaxConn: int64(limits.MaxConn),
		ConnLimit: e.asked.connRate(&cfg.Global.Tuning), SessLimit: e.asked.sessRate(&cfg.Global.Tuning),
		SSLConnLimit: int64(cfg.Global.Tuning.SSLConns), SSLLimit: e.asked.sslRate(&cfg.Global.Tuning),
		SSLConns: e.sslConns(), SSLServed: served, CumSSLConns: served + greeted,
		FrontTLS: e.shakes.Facts(), BackTLS: e.env.Shakes.Facts(),
		Conns: e.env.Conns.Cur(), Tasks: int64(runtime.NumGoroutine()), IdlePercent: int64(e.idle.read()),
		DroppedLogs: int64(e.hub.Dropped()),
		CumConns:    e.buried.conns.Load(), CumReqs: e.buried.requests.Load(), BytesOut: e.buried.bytes.Load(),
		Stopping: e.stopping.Load(), Listeners: e.listening.Load(),
	}
	for i := range p.TLSLimited {
		p.TLSLimited[i] = e.limitsTLS.now[i].Load()
	}
	for _, f := range e.order.Load().fronts {
		p.CumConns += f.Counters.Sum(backend.Conns)
		p.CumReqs += f.Counters.Sum(backend.Requests)
		p.BytesOut += f.Counters.Sum(backend.BytesOut)
	}
	p.Pipes, p.PipesUsed, p.PipesFree = e.pipes()
	p.Jobs = p.Listeners + p.Conns
	p.HeapBytes, p.HeapUsed = heap()
	e.reloadFacts(&p)
	return p
}

// heap is what the runtime holds and what of it is in use. Reading it does not
// stop the loops.
func heap() (held, used int64) {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	used = int64(s[0].Value.Uint64())
	return used + int64(s[1].Value.Uint64()) + int64(s[2].Value.Uint64()), used
}

// An idle is the part of their time that the loops wait.
type idle struct {
	mu      sync.Mutex // guards the fields below
	busy    int64      // of all loops, nanoseconds
	at      time.Time
	percent int
}

func (i *idle) sample(loops []*loop.Loop, now time.Time) {
	var busy int64
	for _, l := range loops {
		busy += l.Stats.BusyNanos.Load()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if took := int64(now.Sub(i.at)) * int64(len(loops)); !i.at.IsZero() && took > 0 {
		i.percent = max(0, 100-int(100*(busy-i.busy)/took))
	}
	if i.at.IsZero() {
		i.percent = 100
	}
	i.busy, i.at = busy, now
}

func (i *idle) read() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.at.IsZero() {
		return 100
	}
	return i.percent
}
