package config

import "bascule/internal/loop"

// A Tuning is what the global section says about sockets and pipes.
type Tuning struct {
	Client, Server loop.Options // sizes of socket buffers

	NoSplice bool // nosplice: bodies and tunnels are copied
	MaxPipes int  // maxpipes of the process; -1: not given
	PipeSize int  // tune.pipesize in bytes; 0: not given
	ConnRate int  // maxconnrate, a second; 0: none
	SessRate int  // maxsessrate
	SSLConns int  // maxsslconn, of clients and servers; 0: none
	SSLRate  int  // maxsslrate, a second; 0: none

	IdleApart     bool // tune.idle-pool.shared off: each thread keeps its idle server connections
	LowFDPercent  int  // tune.pool-low-fd-ratio; 0: not given
	HighFDPercent int  // tune.pool-high-fd-ratio; 0: not given
	replayMemory  int  // tune.replay.memory + 1; 0: not given
}

// Rate is the most client connections a second; 0: no limit. A session begins
// with its connection here, so the smaller of both counts.
func (t *Tuning) Rate() int {
	if t.ConnRate > 0 && (t.SessRate == 0 || t.ConnRate < t.SessRate) {
		return t.ConnRate
	}
	return t.SessRate
}

// tuneKeywords are the lines of the global section about sockets and pipes.
var tuneKeywords = []Keyword{
	{Name: "maxconnrate", In: InGlobal, Usage: "<count>", Text: "Most client connections that are accepted a second; more wait in the kernel's queue.", Example: "maxconnrate 5000", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.Tuning.ConnRate })},
	{Name: "maxsessrate", In: InGlobal, Usage: "<count>", Text: "Most sessions that begin a second; as maxconnrate.", Example: "maxsessrate 5000", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.Tuning.SessRate })},
	{Name: "maxsslconn", In: InGlobal, Usage: "<count>", Text: "Most connections with TLS at once, to servers included; more clients wait in the kernel's queue.", Differs: "those that are on their way to another thread may go beyond it.", Example: "maxsslconn 10000", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.Tuning.SSLConns })},
	{Name: "maxsslrate", In: InGlobal, Usage: "<count>", Text: "Most client connections with TLS that are accepted a second; more wait in the kernel's queue.", Example: "maxsslrate 500", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.Tuning.SSLRate })},
	{Name: "maxpipes", In: InGlobal, Usage: "<count>", Text: "Most pipes in use at once for moving bytes inside the kernel; what finds none is copied. 256 a thread where it is not given; a pipe is only held while its reader is slow.", Differs: "HAProxy's default is a quarter of maxconn.", Example: "maxpipes 500", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.Tuning.MaxPipes })},
	{Name: "nosplice", In: InGlobal, Text: "Copies all bytes. Without it, large bodies and tunnels are moved inside the kernel.", Differs: "HAProxy splices only with option splice-auto and its kin.", Example: "nosplice", parse: globalFlag(func(g *Global) *bool { return &g.Tuning.NoSplice })},
	{Name: "tune.pipesize", In: InGlobal, Usage: "<bytes>", Text: "Size of a pipe that bytes are moved through.", Example: "tune.pipesize 256k", parse: globalSize(0, 1<<30, func(g *Global) *int { return &g.Tuning.PipeSize })},
}
