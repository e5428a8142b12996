package rule

import (
	"bytes"
	"time"
)

// A Figure is what a World knows of a proxy or server.
type Figure uint8

// The figures. Times are in milliseconds, rates per second.
const (
	BeConns Figure = iota
	BeConnsFree
	BeServers // usable ones
	BeQueue   // of the backend and its servers
	BeSlots   // of connections and queues, -1: without limit
	BeRate
	BeRetries
	BeTimeConnect
	BeTimeQueue
	BeTimeServer
	BeTimeTarpit
	BeTimeTunnel
	FeConns
	FeRequestRate
	FeRate
	FeTimeClient
	SrvConns
	SrvConnsFree
	SrvQueue
	SrvUp
	SrvRate
	SrvWeight // effective
	SrvUWeight
	SrvIWeight
)

// A World is what expressions can ask of proxies and servers other than the
// stream's own. Its methods are called on every loop.
type World interface {
	// Figure is one number of a proxy, or of its server; false: there is none
	// of that name. The names are not kept.
	Figure(f Figure, proxy, server string) (int64, bool)
}

// figure makes the fetch of a figure of the proxy or server that args[0] names.
func figure(f Figure) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		return x.figure(f, args[0].text, args[0].server, s)
	}
}

func (x *Ctx) figure(f Figure, proxy, server string, s *Sample) bool {
	if x.World == nil {
		return false
	}
	n, ok := x.World.Figure(f, proxy, server)
	return ok && s.setInt(n)
}

func fetchSrvUp(x *Ctx, args []arg, s *Sample) bool {
	return x.figure(SrvUp, args[0].text, args[0].server, s) && s.setBool(s.Int != 0)
}

// fetchAvgQueue is the queue for each usable server, twice the queue if none is.
func fetchAvgQueue(x *Ctx, args []arg, s *Sample) bool {
	if !x.figure(BeServers, args[0].text, "", s) {
		return false
	}
	servers := s.Int
	if !x.figure(BeQueue, args[0].text, "", s) {
		return false
	}
	if servers > 0 {
		return s.setInt((s.Int + servers - 1) / servers)
	}
	return s.setInt(2 * s.Int)
}

// ofBackend makes the fetch of a figure of the stream's backend.
func ofBackend(f Figure) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		name := x.Backend
		if name == "" {
			name = x.Frontend
		}
		return x.figure(f, name, "", s)
	}
}

func ofFrontend(f Figure) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool { return x.figure(f, x.Frontend, "", s) }
}

// current makes cur_*_timeout: what set-timeout said, or what otherwise gives.
func current(t Timer, otherwise evalFunc) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		if x.Marks != nil && x.Marks.set&(1<<t) != 0 {
			return s.setInt(int64(x.Marks.timeouts[t] / time.Millisecond))
		}
		return otherwise(x, args, s)
	}
}

func fetchCurRetries(x *Ctx, args []arg, s *Sample) bool {
	if x.Marks != nil && x.Marks.RetriesSet() {
		return s.setInt(int64(x.Marks.Retries))
	}
	return ofBackend(BeRetries)(x, args, s)
}

// convFigure makes nbsrv and srv_queue, which look the name up that comes in:
// of a server without a backend's name, that of the stream.
func convFigure(f Figure) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		name := s.bytes(x)
		if f != SrvQueue {
			return x.figure(f, string(name), "", s)
		}
		if i := bytes.IndexByte(name, '/'); i >= 0 {
			return x.figure(f, string(name[:i]), string(name[i+1:]), s)
		}
		return x.figure(f, x.Backend, string(name), s)
	}
}
