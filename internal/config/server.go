package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bascule/internal/lang"
)

// parseServer reads `server NAME ADDRESS OPTIONS`.
func parseServer(x *line) {
	o := &options{line: x, shape: lang.Placed}
	if x.arg(0) == "" || x.arg(1) == "" {
		o.opt = x.name
		o.bad(x.name, "'server' expects <name> and <addr>[:<port>] as arguments.")
		return
	}
	if i := badName(x.arg(0)); i >= 0 {
		o.bad(x.args[0], "character '%c' is not permitted in server name '%s'.", x.arg(0)[i], x.arg(0))
		return
	}
	x.addServer(o, x.args[0], x.args[1], x.args[2:])
}

// addServer reads a server's address and options.
func (x *line) addServer(o *options, name, addr lang.Word, rest []lang.Word) {
	o.subject = "'server " + x.px.Name + "/" + name.Text + "'"
	srv := x.px.template
	srv.InitAddr = slices.Clip(srv.InitAddr)
	srv.Name, srv.Line = name.Text, place(x.name.Pos)
	if !o.address(addr, &srv) {
		return
	}
	o.srv, o.rest = &srv, rest
	o.walk(OnServer)
	o.finish(&srv)
	x.px.Servers = append(x.px.Servers, &srv)
	x.px.serverAt = append(x.px.serverAt, name)
}

// address reads where the server is; names are resolved when all is read.
func (o *options) address(w lang.Word, srv *Server) bool {
	a, err := parseAddress(w.Text, o.lookup)
	switch {
	case err != nil:
		o.bad(w, "%s", err)
	case a.Kind == AddrFD || a.Kind == AddrUDP:
		o.bad(w, "a file descriptor or a datagram socket is not acceptable here in '%s'", a.Text)
	case a.low != a.high:
		o.bad(w, "port range not permitted here in '%s'", a.Text)
	case a.relative != "" || a.Kind == AddrTCP && a.low == 0:
		o.bad(w, "a server without a port of its own is known but not supported yet in '%s': write <address>:<port>", a.Text)
	case a.Kind == AddrTCP && a.IP.IsValid() && a.IP.IsUnspecified():
		o.bad(w, "a server at the address the client asked for is known but not supported yet in '%s': write <address>:<port>", a.Text)
	default:
		srv.Addr = a.Address
		return true
	}
	return false
}

// finish checks what options say together.
func (o *options) finish(srv *Server) {
	if srv.SendProxy > 0 && srv.CheckAddr.Port == 0 && !srv.CheckAddr.IP.IsValid() {
		srv.CheckSendProxy = true // the check speaks to the same socket
	}
	if srv.MinConn > 0 && srv.MinConn >= srv.MaxConn {
		srv.MinConnAlone = srv.MaxConn == 0
		srv.MaxConn, srv.MinConn = srv.MinConn, 0 // nothing to grow
	}
	o.finishChecks(srv)
	if first := o.px.servers[idKey(srv.ID)]; srv.IDFixed && first != nil {
		o.bad(o.name, "'id' : custom id %d already used at %s ('server %s').", srv.ID, first.Line, first.Name)
	} else if srv.IDFixed {
		o.px.servers[idKey(srv.ID)] = srv
	}
}

// parseDefaultServer reads `default-server OPTIONS`.
func parseDefaultServer(x *line) {
	o := &options{line: x, shape: lang.Placed, rest: x.args, srv: &x.px.template, isDef: true}
	x.px.template.InitAddr = slices.Clip(x.px.template.InitAddr)
	o.walk(OnServer)
}

func serverWeight(o *options) {
	w := o.take()
	n, err := atoi(w.Text)
	if err != nil || n < 0 || n > maxWeight {
		o.bad(w, "weight of server %s is not within 0 and %d (%s).", cmp.Or(o.srv.Name, "default-server"), maxWeight, w.Text)
		return
	}
	o.srv.Weight = n
}

// maxWeight is HAProxy's largest weight of a server.
const maxWeight = 256

func serverID(o *options) {
	w := o.take()
	n, err := atoi(w.Text)
	if o.isDef {
		o.bad(o.opt, "'id' option is not accepted in default-server sections")
		return
	}
	if err != nil || n <= 0 || n > maxInt32 {
		o.bad(w, "'id' : custom id has to be > 0.")
		return
	}
	if o.nth > 0 {
		return // of a template the first has it
	}
	o.srv.ID, o.srv.IDFixed = n, true
}

// hashKeys are the values of hash-key.
var hashKeys = []string{"id", "addr", "addr-port"}

func serverHashKey(o *options) {
	w := o.take()
	i := slices.Index(hashKeys, w.Text)
	switch {
	case i >= 0:
		o.srv.HashKey = HashKey(i)
	case w.Text == "":
		o.bad(o.opt, "'hash-key' expects a value ('id', 'addr' or 'addr-port').")
	default:
		o.problem(w, "'hash-key' has to be 'id', 'addr', or 'addr-port' (got '"+w.Text+"').", hashKeys)
	}
}

// initAddrs are the methods of init-addr; a number may stand there too.
var initAddrs = []string{"last", "libc", "none"}

func serverInitAddr(o *options) {
	w := o.take()
	var methods []string
	for _, m := range strings.Split(w.Text, ",") {
		if !slices.Contains(initAddrs, m) && !numeric(m) {
			o.problem(w, "'init-addr' : unknown init-addr method '"+m+"', supported methods are 'libc', 'last', 'none'.", initAddrs)
			return
		}
		methods = append(methods, m)
	}
	o.srv.InitAddr = methods
}

// serverEvent reads the one value an on-marked-… option takes.
func serverEvent(value string, set func(*Server)) func(*options) {
	return func(o *options) {
		w := o.take()
		switch w.Text {
		case value:
			set(o.srv)
		case "":
			o.bad(o.opt, "'%s' expects an action as argument", o.opt.Text)
		default:
			o.problem(w, "'"+o.opt.Text+"' expects '"+value+"' but got '"+w.Text+"'", []string{value})
		}
	}
}

func serverTime(field func(*Server) *time.Duration, unit time.Duration) func(*options) {
	return func(o *options) {
		d, ok := o.duration(unit)
		if !ok {
			return
		}
		if d <= 0 && o.opt.Text != "slowstart" {
			o.bad(o.opt, "invalid value %d for argument '%s' of server %s.", d.Milliseconds(), o.opt.Text, o.srv.Name)
			return
		}
		*field(o.srv) = d
	}
}

func serverInt(field func(*Server) *int, low int) func(*options) {
	return func(o *options) {
		if n, ok := o.integer(low, maxInt32); ok {
			*field(o.srv) = n
		}
	}
}

func serverFlag(set func(*Server)) func(*options) {
	return func(o *options) { set(o.srv) }
}

// protocol reads the name of a protocol; h2 is known and not built.
func protocol(name, bad string, legal ...string) func(*options) {
	return func(o *options) {
		w := o.take()
		switch {
		case slices.Contains(legal, w.Text):
		case w.Text == "h2":
			o.bad(w, "keyword '%s h2' is known but not supported yet: %s.", name, whyH2)
		default:
			o.problem(w, bad+" (got '"+w.Text+"').", legal)
		}
	}
}

// serverCheckAddr reads `addr` or `port`: where checks go.
func serverCheckAddr(o *options) {
	w := o.take()
	a, err := parseAddress(w.Text, o.lookup)
	if err == nil && a.Kind == AddrTCP && !a.IP.IsValid() {
		a.IP, err = o.lookupHost(a.Address)
	}
	if err != nil || w.Text == "" {
		o.bad(w, "'addr' : invalid address: '%s'.", w.Text)
		return
	}
	if a.Port == 0 {
		a.Port = o.srv.CheckAddr.Port
	}
	o.srv.CheckAddr = a.Address
}

// serverOptions are the options of server and default-server lines that are read.
var serverOptions = []Keyword{
	{Name: "addr", In: OnServer, Usage: "<address>", Text: "Sends checks to another address.", Example: "server s1 127.0.0.1:8080 check addr 127.0.0.2", option: serverCheckAddr},
	{Name: "backup", In: OnServer, Text: "Takes traffic only when no other server can.", Example: "server s1 127.0.0.1:8080 backup", option: serverFlag(func(s *Server) { s.Backup = true })},
	{Name: "check", In: OnServer, Text: "Probes the server; without it the server counts as always up.", Example: "server s1 127.0.0.1:8080 check", option: serverFlag(func(s *Server) { s.Check = true })},
	{Name: "cookie", In: OnServer, Usage: "<value>", Text: "The value of the backend's cookie that stands for this server.", Example: "server s1 127.0.0.1:8080 cookie s1", option: func(o *options) {
		o.srv.Cookie, _ = o.text()
	}},
	{Name: "disabled", In: OnServer, Text: "Starts in maintenance.", Example: "server s1 127.0.0.1:8080 disabled", option: serverFlag(func(s *Server) { s.Disabled = true })},
	{Name: "downinter", In: OnServer, Usage: "<delay>", Text: "Time between checks while the server is down; inter where not given.", Example: "server s1 127.0.0.1:8080 check downinter 10s", option: serverTime(func(s *Server) *time.Duration { return &s.DownInter }, time.Millisecond)},
	{Name: "enabled", In: OnServer, Text: "Takes back `disabled` of default-server.", Example: "server s1 127.0.0.1:8080 enabled", option: serverFlag(func(s *Server) { s.Disabled = false })},
	{Name: "fall", In: OnServer, Usage: "<count>", Text: "Failed checks in a row that take the server down; 3 where not given.", Example: "server s1 127.0.0.1:8080 check fall 2", option: serverInt(func(s *Server) *int { return &s.Fall }, 1)},
	{Name: "fastinter", In: OnServer, Usage: "<delay>", Text: "Time between checks while the state is about to change; inter where not given.", Example: "server s1 127.0.0.1:8080 check fastinter 1s", option: serverTime(func(s *Server) *time.Duration { return &s.FastInter }, time.Millisecond)},
	{Name: "hash-key", In: OnServer, Usage: "id|addr|addr-port", Text: "What places the server on the ring of hash-type consistent: its id, or its address, so that balancers whose files differ agree.", Example: "server s1 127.0.0.1:8080 hash-key addr", option: serverHashKey},
	{Name: "id", In: OnServer, Usage: "<id>", Text: "Number of the server. Consistent hashing places by it: with ids, changing the order of the lines moves no key.", Example: "server s1 127.0.0.1:8080 id 1", option: serverID},
	{Name: "init-addr", In: OnServer, Usage: "{last|libc|none|<ip>},…", Text: "How the server's name becomes an address at start; the first method that works wins. last,libc where not given.", Example: "server s1 127.0.0.1:8080 init-addr last,libc,none", option: serverInitAddr},
	{Name: "inter", In: OnServer, Usage: "<delay>", Text: "Time between checks; 2s where not given.", Example: "server s1 127.0.0.1:8080 check inter 5s", option: serverTime(func(s *Server) *time.Duration { return &s.Inter }, time.Millisecond)},
	{Name: "maxconn", In: OnServer, Usage: "<count>", Text: "Most requests at once; more wait in the queue.", Example: "server s1 127.0.0.1:8080 maxconn 100", option: serverInt(func(s *Server) *int { return &s.MaxConn }, 0)},
	{Name: "maxqueue", In: OnServer, Usage: "<count>", Text: "Most requests that wait for this server; more go elsewhere.", Example: "server s1 127.0.0.1:8080 maxconn 10 maxqueue 50", option: serverInt(func(s *Server) *int { return &s.MaxQueue }, 0)},
	{Name: "minconn", In: OnServer, Usage: "<count>", Text: "The limit that maxconn shrinks to while the backend has little load; see fullconn.", Example: "server s1 127.0.0.1:8080 minconn 10 maxconn 100", option: serverInt(func(s *Server) *int { return &s.MinConn }, 0)},
	{Name: "no-backup", In: OnServer, Text: "Takes back `backup` of default-server.", Example: "server s1 127.0.0.1:8080 no-backup", option: serverFlag(func(s *Server) { s.Backup = false })},
	{Name: "no-check", In: OnServer, Text: "Takes back `check` of default-server.", Example: "server s1 127.0.0.1:8080 no-check", option: serverFlag(func(s *Server) { s.Check = false })},
	{Name: "on-marked-down", In: OnServer, Usage: "shutdown-sessions", Text: "Cuts the server's sessions when it goes down or into maintenance.", Example: "server s1 127.0.0.1:8080 check on-marked-down shutdown-sessions", option: serverEvent("shutdown-sessions", func(s *Server) { s.ShutdownOnDown = true })},
	{Name: "on-marked-up", In: OnServer, Usage: "shutdown-backup-sessions", Text: "Cuts the sessions of all backup servers when this server comes up.", Example: "server s1 127.0.0.1:8080 check on-marked-up shutdown-backup-sessions", option: serverEvent("shutdown-backup-sessions", func(s *Server) { s.ShutdownBackupOnUp = true })},
	{Name: "pool-max-conn", In: OnServer, Usage: "<count>", Text: "Most idle connections kept; -1, the default, is no limit, 0 keeps none.", Example: "server s1 127.0.0.1:8080 pool-max-conn 20", option: serverInt(func(s *Server) *int { return &s.PoolMaxConn }, -1)},
	{Name: "port", In: OnServer, Usage: "<port>", Text: "Sends checks to another port.", Example: "server s1 127.0.0.1:8080 check port 9000", option: func(o *options) {
		if n, ok := o.integer(1, 65535); ok {
			o.srv.CheckAddr.Port = n
		}
	}},
	{Name: "proto", In: OnServer, Usage: "h1", Text: "The protocol spoken to the server; h1 is the only one yet.", Example: "server s1 127.0.0.1:8080 proto h1", option: protocol("proto", "unknown MUX protocol", "h1")},
	{Name: "rise", In: OnServer, Usage: "<count>", Text: "Passed checks in a row that bring the server up; 2 where not given.", Example: "server s1 127.0.0.1:8080 check rise 3", option: serverInt(func(s *Server) *int { return &s.Rise }, 1)},
	{Name: "no-send-proxy", In: OnServer, Text: "Takes back `send-proxy` of default-server.", Example: "server s1 127.0.0.1:8080 no-send-proxy", option: serverFlag(func(s *Server) { s.SendProxy = 0 })},
	{Name: "no-send-proxy-v2", In: OnServer, Text: "Takes back `send-proxy-v2` of default-server.", Example: "server s1 127.0.0.1:8080 no-send-proxy-v2", option: serverFlag(func(s *Server) { s.SendProxy = 0 })},
	{Name: "send-proxy", In: OnServer, Text: "Begins every connection with a PROXY header, version 1, that names the client. A connection then serves one client's request.", Example: "server s1 127.0.0.1:8080 send-proxy", option: serverFlag(func(s *Server) { s.SendProxy = 1 })},
	{Name: "send-proxy-v2", In: OnServer, Text: "The same in version 2, which is binary.", Example: "server s1 127.0.0.1:8080 send-proxy-v2", option: serverFlag(func(s *Server) { s.SendProxy = 2 })},
	{Name: "slowstart", In: OnServer, Usage: "<time>", Text: "Time in which the weight grows to its full value after the server came up or left maintenance.", Example: "server s1 127.0.0.1:8080 check slowstart 30s", option: serverTime(func(s *Server) *time.Duration { return &s.SlowStart }, time.Millisecond)},
	{Name: "weight", In: OnServer, Usage: "<weight>", Text: "Share of the traffic, 0 to 256; 1 where not given, 0 takes none but keeps cookies.", Example: "server s1 127.0.0.1:8080 weight 10", option: serverWeight},
	{Name: "ws", In: OnServer, Usage: "auto|h1", Text: "The protocol for WebSockets; HTTP/1.1 is the only one yet.", Example: "server s1 127.0.0.1:8080 ws auto", option: protocol("ws", "'ws' has to be 'auto', 'h1' or 'h2'", "auto", "h1")},
}
