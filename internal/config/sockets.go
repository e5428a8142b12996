package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"bascule/internal/lang"
	"bascule/internal/loop"
)

// An Origin is where connections to servers come from.
type Origin struct {
	From  netip.AddrPort // port 0: any; not valid: the kernel chooses
	Iface string
}

// A keepAlive is option clitcpka or srvtcpka with its figures.
type keepAlive struct {
	on          bool
	count       int
	idle, intvl time.Duration
}

func (k *keepAlive) into(o *loop.Options) {
	if k.on {
		o.KeepAlive, o.KeepCount, o.KeepIdle, o.KeepInterval = true, k.count, k.idle, k.intvl
	}
}

// settleSockets gives binds and servers what global and the proxy say of sockets.
func (l *loader) settleSockets(d *draft) {
	t := &l.cfg.Global.Tuning
	for _, b := range d.Binds {
		b.Socket.SendBuffer, b.Socket.ReceiveSize = t.Client.SendBuffer, t.Client.ReceiveSize
		d.clientAlive.into(&b.Socket)
	}
	for _, s := range d.Servers {
		s.Socket.SendBuffer, s.Socket.ReceiveSize = t.Server.SendBuffer, t.Server.ReceiveSize
		d.serverAlive.into(&s.Socket)
		if s.Source == (Origin{}) {
			s.Source = d.Source
		}
	}
}

func clientAlive(p *Proxy) *keepAlive { return &p.clientAlive }
func serverAlive(p *Proxy) *keepAlive { return &p.serverAlive }

func aliveCount(of func(*Proxy) *keepAlive) func(*line) {
	return func(x *line) {
		n, err := strconv.ParseUint(x.arg(0), 10, 31)
		switch {
		case x.arg(0) == "":
			x.alert(x.name, "'%s' expects an integer value", x.kw.Name)
		case err != nil:
			x.alert(x.at(0), "'%s' : '%s' is not an integer value", x.kw.Name, x.arg(0))
		case x.atMost(1):
			of(x.px.Proxy).count = int(n)
		}
	}
}

func aliveTime(of func(*keepAlive) *time.Duration, whose func(*Proxy) *keepAlive) func(*line) {
	return func(x *line) {
		d, err := lang.ParseTime(x.arg(0), time.Second)
		switch {
		case x.arg(0) == "":
			x.alert(x.name, "'%s' expects an integer value", x.kw.Name)
		case err != nil:
			x.alert(x.at(0), "%s in argument to <%s>.", err, x.kw.Name)
		case x.atMost(1):
			*of(whose(x.px.Proxy)) = d
		}
	}
}

// The times of keepAlive, for aliveTime.
func aliveIdle(k *keepAlive) *time.Duration  { return &k.idle }
func aliveIntvl(k *keepAlive) *time.Duration { return &k.intvl }

// parseSource reads `source ADDRESS[:PORT] [interface NAME]` of a proxy.
func parseSource(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.")
		return
	}
	from, why := x.sourceAddr(x.arg(0))
	if why != "" {
		x.alert(x.args[0], "'source %s' : %s", x.arg(0), why)
		return
	}
	s := Origin{From: from}
	for i := 1; i < len(x.args); i += 2 {
		switch {
		case x.arg(i) == "usesrc":
			x.alert(x.args[i], "keyword 'source usesrc' is known but not supported yet: %s.", whyTransparent)
			return
		case x.arg(i) != "interface":
			x.choose(i, "'source' only supports optional keywords 'interface' and 'usesrc'.", "interface", "usesrc")
			return
		case x.arg(i+1) == "":
			x.alert(x.args[i], "'source' : missing interface name.")
			return
		}
		s.Iface = x.arg(i + 1)
	}
	x.px.Source = s
}

// sourceAddr reads a source; why is what is wrong with it.
func (l *loader) sourceAddr(text string) (from netip.AddrPort, why string) {
	a, err := parseAddress(text, l.lookup)
	switch {
	case err != nil:
		return from, err.Error()
	case a.Kind != AddrTCP:
		return from, "a socket that is no TCP socket is known but not supported yet in '" + a.Text + "'"
	case a.relative != "":
		return from, "port offset not permitted here in '" + a.Text + "'"
	case a.low != a.high:
		return from, "port range not permitted here in '" + a.Text + "'"
	case !a.IP.IsValid():
		if a.IP, err = l.lookupHost(a.Address); err != nil {
			return from, "invalid address: '" + a.Host + "' in '" + a.Text + "'"
		}
	}
	return netip.AddrPortFrom(a.IP, uint16(a.low)), ""
}

func serverSource(o *options) {
	w := o.take()
	if w.Text == "" {
		o.bad(o.opt, "'source' expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument.")
		return
	}
	from, why := o.sourceAddr(w.Text)
	if why != "" {
		o.bad(w, "'source %s' : %s", w.Text, why)
		return
	}
	o.srv.Source = Origin{From: from}
	for len(o.rest) > 0 {
		switch o.rest[0].Text {
		case "usesrc":
			o.bad(o.take(), "keyword 'source usesrc' is known but not supported yet: %s.", whyTransparent)
			o.take()
		case "interface":
			o.opt = o.take()
			o.srv.Source.Iface, _ = o.text()
		default:
			return
		}
	}
}

// userTimeout takes the value of tcp-ut.
func userTimeout(o *options, to *time.Duration) {
	w := o.take()
	d, err := lang.ParseTime(w.Text, time.Millisecond)
	switch {
	case w.Text == "":
		o.bad(o.opt, "'tcp-ut' : missing TCP User Timeout value")
	case err != nil || d < 0 || strings.HasPrefix(w.Text, "-"):
		o.bad(w, "'tcp-ut' : expects a positive delay in milliseconds")
	default:
		*to = d
	}
}

// maxMSS is the largest segment that HAProxy takes.
const maxMSS = 65535

func bindMSS(o *options) {
	w := o.take()
	n, err := strconv.Atoi(w.Text)
	switch {
	case w.Text == "":
		o.bad(o.opt, "'mss' : missing MSS value")
	case err != nil || n == 0 || n > maxMSS || n < -maxMSS:
		o.bad(w, "'mss' : expects an MSS with and absolute value between 1 and %d", maxMSS)
	case n < 0:
		o.bad(w, "'mss' below 0 is known but not supported yet: write the size itself")
	default:
		o.bind.Socket.MaxSegment = n
	}
}

const whyTransparent = "transparent proxying is not built"

func bufferKeyword(name, text string, field func(*Tuning) *int) Keyword {
	return Keyword{Name: name, In: InGlobal, Usage: "<bytes>", Text: text + " The kernel doubles it and no longer adapts it; 0, the default, lets it.",
		Example: name + " 65536", parse: globalSize(0, 1<<30, func(g *Global) *int { return field(&g.Tuning) })}
}

// socketKeywords are the lines about the sockets of connections.
var socketKeywords = []Keyword{
	bufferKeyword("tune.rcvbuf.client", "The kernel's buffer for what a client has sent.", func(t *Tuning) *int { return &t.Client.ReceiveSize }),
	bufferKeyword("tune.rcvbuf.server", "The kernel's buffer for what a server has sent.", func(t *Tuning) *int { return &t.Server.ReceiveSize }),
	bufferKeyword("tune.sndbuf.client", "The kernel's buffer for what a client has not taken.", func(t *Tuning) *int { return &t.Client.SendBuffer }),
	bufferKeyword("tune.sndbuf.server", "The kernel's buffer for what a server has not taken.", func(t *Tuning) *int { return &t.Server.SendBuffer }),
	flag("clitcpka", "Lets the kernel probe silent clients, so that those whose machine is gone are found.", inFront, func(p *Proxy) *bool { return &p.clientAlive.on }),
	flag("srvtcpka", "Lets the kernel probe silent servers.", inBack, func(p *Proxy) *bool { return &p.serverAlive.on }),
	{Name: "option tcpka", In: inProxy, Text: "option clitcpka and option srvtcpka.", Example: "option tcpka", No: true, parse: func(x *line) {
		if x.atMost(0) {
			x.px.clientAlive.on = !x.no && !x.dflt
			x.px.serverAlive.on = x.px.clientAlive.on
		}
	}},
	{Name: "clitcpka-cnt", In: inFront, Usage: "<count>", Text: "Probes without an answer until a client is lost, with option clitcpka.", Example: "clitcpka-cnt 3", parse: aliveCount(clientAlive)},
	{Name: "clitcpka-idle", In: inFront, Usage: "<time>", Text: "Silence before the first probe to a client; seconds where there is no unit.", Example: "clitcpka-idle 60s", parse: aliveTime(aliveIdle, clientAlive)},
	{Name: "clitcpka-intvl", In: inFront, Usage: "<time>", Text: "Time between two probes to a client.", Example: "clitcpka-intvl 10s", parse: aliveTime(aliveIntvl, clientAlive)},
	{Name: "srvtcpka-cnt", In: inBack, Usage: "<count>", Text: "Probes without an answer until a server's connection is lost, with option srvtcpka.", Example: "srvtcpka-cnt 3", parse: aliveCount(serverAlive)},
	{Name: "srvtcpka-idle", In: inBack, Usage: "<time>", Text: "Silence before the first probe to a server; seconds where there is no unit.", Example: "srvtcpka-idle 60s", parse: aliveTime(aliveIdle, serverAlive)},
	{Name: "srvtcpka-intvl", In: inBack, Usage: "<time>", Text: "Time between two probes to a server.", Example: "srvtcpka-intvl 10s", parse: aliveTime(aliveIntvl, serverAlive)},
	{Name: "source", In: inBack, Usage: "<address>[:<port>] [interface <name>]", Text: "Where connections to servers and their checks come from. With a port, one connection at a time is possible to each address.", Differs: "usesrc is planned.", Example: "source 127.0.0.2", parse: parseSource},
	{Name: "mss", In: OnBind, Usage: "<bytes>", Text: "Largest segment told to clients.", Differs: "Values below 0 are planned.", Example: "bind :8080 mss 1400", option: bindMSS},
	{Name: "tcp-ut", In: OnBind, Usage: "<time>", Text: "How long bytes may wait for a client's acknowledgement before it is lost.", Example: "bind :8080 tcp-ut 30s", option: func(o *options) {
		userTimeout(o, &o.bind.Socket.UserTimeout)
	}},
	{Name: "source", In: OnServer, Usage: "<address>[:<port>] [interface <name>]", Text: "Where connections to this server and its checks come from.", Differs: "Ranges of ports and usesrc are planned.", Example: "server s1 127.0.0.1:8080 source 127.0.0.2", option: serverSource},
	{Name: "tcp-ut", In: OnServer, Usage: "<time>", Text: "How long bytes may wait for the server's acknowledgement before its connection is lost.", Example: "server s1 127.0.0.1:8080 tcp-ut 30s", option: func(o *options) {
		userTimeout(o, &o.srv.Socket.UserTimeout)
	}},
}
