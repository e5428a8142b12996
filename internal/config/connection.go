package config

import (
	"net/netip"
	"strconv"
	"time"
)

// Keep is how long client connections are kept.
type Keep uint8

// option http-keep-alive (default), http-server-close, httpclose.
const (
	KeepAlive Keep = iota
	KeepServerClose
	KeepClose
)

// OddNames is what becomes of a request's header whose name has characters other
// than letters, digits and '-': option http-restrict-req-hdr-names.
type OddNames uint8

// The values of option http-restrict-req-hdr-names.
const (
	PreserveNames OddNames = iota
	DeleteNames
	RejectNames
)

// Reuse is http-reuse.
type Reuse uint8

// The values of http-reuse; safe is the default.
const (
	ReuseSafe Reuse = iota
	ReuseNever
	ReuseAggressive
	ReuseAlways
)

// ForwardFor is option forwardfor.
type ForwardFor struct {
	Header string // default X-Forwarded-For
	Except []netip.Prefix
	IfNone bool
}

// idleKeywords are the lines of the global section about idle server connections.
var idleKeywords = []Keyword{
	{Name: "tune.idle-pool.shared", In: InGlobal, Usage: "{ on | off }", Text: "Lets a thread without an idle connection to a server take one of another thread's before it opens one; on where not given. Below pool-low-conn idle connections of the server it opens one, so that every thread has some: with many requests to fast servers that costs less than passing few connections around. off: every thread uses its own only. Read at the start, not at a reload.", Example: "tune.idle-pool.shared off", parse: parseIdleShared},
	{Name: "tune.pool-low-fd-ratio", In: InGlobal, Usage: "<percent>", Text: "Share of the descriptors in use from which on a thread keeps one idle connection a server only; 20 where not given.", Example: "tune.pool-low-fd-ratio 10", parse: percentOfFDs("low", func(g *Global) *int { return &g.Tuning.LowFDPercent })},
	{Name: "tune.pool-high-fd-ratio", In: InGlobal, Usage: "<percent>", Text: "Share of the descriptors in use from which on no server connection is kept, and idle ones make room for new ones; 25 where not given.", Example: "tune.pool-high-fd-ratio 50", parse: percentOfFDs("high", func(g *Global) *int { return &g.Tuning.HighFDPercent })},
}

func parseIdleShared(x *line) {
	switch x.arg(0) {
	case "on", "off":
		if x.atMost(1) {
			x.cfg.Global.Tuning.IdleApart = x.arg(0) == "off"
		}
	default:
		x.alert(x.at(0), "'tune.idle-pool.shared' expects either 'on' or 'off' but got '%s'.", x.arg(0))
	}
}

func percentOfFDs(which string, field func(*Global) *int) func(*line) {
	return func(x *line) {
		n, err := strconv.Atoi(x.arg(0))
		if err != nil || n < 0 || n > 100 {
			x.alert(x.at(0), "'tune.pool-%s-fd-ratio' expects an integer argument between 0 and 100.", which)
			return
		}
		if x.atMost(1) {
			*field(&x.cfg.Global) = max(n, 1) // 0 is "not given": a hundredth is as good as nothing
		}
	}
}

// connectionOptions are the `option X` lines about connections.
var connectionOptions = []Keyword{
	flag("http-ignore-probes", "Closes a connection on which nothing came without an answer, a log line or a count, as browsers open them ahead of need.", inFront, func(p *Proxy) *bool { return &p.IgnoreProbes }),
	flag("http-pretend-keepalive", "Does not tell the server that its connection will be closed, where http-server-close or httpclose will close it: some servers answer without chunks if they know.", inBack, func(p *Proxy) *bool { return &p.PretendKeepAlive }),
	flag("idle-close-on-response", "Keeps idle client connections at a soft stop until they have had one more answer, which tells them to close.", inFront, func(p *Proxy) *bool { return &p.IdleCloseOnReply }),
	flag("nolinger", "Ends connections by a reset, so that the system forgets them at once. A client may lose the end of its last reply.", inProxy, func(p *Proxy) *bool { return &p.NoLinger }),
	flag("prefer-last-server", "Sends the next request of a client's connection to the server of the last one while that is usable, if the balancing would choose freely.", inBack, func(p *Proxy) *bool { return &p.PreferLastServer }),
	{Name: "option originalto", In: inProxy, Usage: "[except <network>] [header <name>]", Text: "Adds the address that the client connected to in X-Original-To.", Example: "option originalto except 127.0.0.0/8", No: true, parse: parseOriginalTo},
}

// idleOptions are the options of a server line about its connections.
var idleOptions = []Keyword{
	{Name: "max-reuse", In: OnServer, Usage: "<count>", Text: "How many requests a connection carries after its first; -1, the default, is no limit.", Example: "server s1 127.0.0.1:8080 max-reuse 1000", option: serverInt(func(s *Server) *int { return &s.MaxReuse }, -1)},
	{Name: "pool-low-conn", In: OnServer, Usage: "<count>", Text: "Idle connections of a server that a thread keeps beyond what was needed at once lately, and below which it opens one rather than take another thread's (tune.idle-pool.shared).", Example: "server s1 127.0.0.1:8080 pool-low-conn 4", option: serverInt(func(s *Server) *int { return &s.PoolLowConn }, 0)},
	{Name: "pool-purge-delay", In: OnServer, Usage: "<delay>", Text: "Time after which half of the idle connections beyond what was needed lately are closed, again and again; 5s where not given, 0 keeps none.", Example: "server s1 127.0.0.1:8080 pool-purge-delay 10s", option: purgeDelay},
}

func purgeDelay(o *options) {
	if d, ok := o.duration(time.Millisecond); ok {
		o.srv.PoolPurgeDelay = max(d, 0)
	}
}
