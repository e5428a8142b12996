package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A bindDraft is a bind or stats socket line while its options are read.
type bindDraft struct {
	Bind
	level  string
	expose bool
	v6only bool
	tls    tlsDraft
}

// parseBind reads `bind ADDRESS[,ADDRESS…] OPTIONS`.
func parseBind(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.")
		return
	}
	d := bindDraft{Bind: Bind{UID: -1, GID: -1}, level: "operator"}
	d.Line = place(x.name.Pos)
	o := &options{line: x, subject: "'bind " + x.arg(0) + "' in section '" + x.section.kind + "'", rest: x.args[1:], bind: &d}
	o.walk(OnBind)
	if d.tls.on {
		d.Bind.tls = d.tls.under(&x.cfg.Global)
	}
	for _, text := range strings.Split(x.arg(0), ",") {
		a, err := parseAddress(text, x.lookup)
		if err == nil {
			err = x.bindable(&a)
		}
		if err != nil {
			x.alert(x.args[0], "'bind' : %s", err)
			continue
		}
		for port := a.low; port <= a.high; port++ {
			b := d.Bind
			d.ID = 0 // the id is the first address's
			b.Addr = a.Address
			b.Addr.Port = port
			b.Addr.V4V6 = d.Addr.V4V6
			x.px.Binds = append(x.px.Binds, &b)
		}
	}
}

// bindable resolves a name and says whether one can listen there.
func (l *loader) bindable(a *addressRange) error {
	switch {
	case a.Kind == AddrUDP:
		return fmt.Errorf("dgram-type address not acceptable in '%s'", a.Text)
	case a.Kind == AddrFD && l.env.Descriptor != nil:
		if err := l.env.Descriptor(a.FD); err != nil {
			return fmt.Errorf("cannot use file descriptor '%d' : %w.", a.FD, err)
		}
		return nil
	case a.Kind != AddrTCP:
		return nil
	case a.relative != "":
		return fmt.Errorf("port offset not permitted here in '%s'", a.Text)
	case a.low == 0:
		return fmt.Errorf("missing port specification in '%s'", a.Text)
	case a.IP.IsValid():
		return nil
	}
	ip, err := l.lookupHost(a.Address)
	if err != nil {
		return fmt.Errorf("invalid address: '%s' in '%s'", a.Host, a.Text)
	}
	a.IP = ip
	return nil
}

// parseStatsSocket reads `stats socket ADDRESS OPTIONS` of global.
func parseStatsSocket(x *line) {
	if x.arg(0) == "" {
		x.alert(x.name, "'stats socket' in global section expects an address or a path to a UNIX socket")
		return
	}
	d := bindDraft{Bind: Bind{UID: -1, GID: -1}, level: "operator"}
	o := &options{line: x, subject: "'stats socket'", rest: x.args[1:], bind: &d}
	o.walk(OnBind)
	a, err := parseAddress(x.arg(0), x.lookup)
	if err == nil {
		err = x.bindable(&a)
	}
	if err != nil {
		x.alert(x.args[0], "'stats socket' : %s", err)
		return
	}
	x.cfg.Global.StatsSockets = append(x.cfg.Global.StatsSockets, StatsSocket{
		Addr: a.Address, Mode: d.Mode, UID: d.UID, GID: d.GID, Level: d.level, ExposeFDs: d.expose,
	})
}

func bindMode(o *options) {
	w := o.take()
	n, err := strconv.ParseUint(w.Text, 8, 9)
	if err != nil {
		o.bad(w, "'mode' : missing or invalid mode '%s' (octal integer expected)", w.Text)
		return
	}
	o.bind.Mode = os.FileMode(n)
}

func bindUser(o *options) {
	w := o.take()
	uid, _, err := o.env.LookupUser(w.Text)
	if err != nil {
		o.bad(w, "'user' : unknown user name '%s'", w.Text)
		return
	}
	o.bind.UID = uid
}

func bindGroup(o *options) {
	w := o.take()
	gid, err := o.env.LookupGroup(w.Text)
	if err != nil {
		o.bad(w, "'group' : unknown group name '%s'", w.Text)
		return
	}
	o.bind.GID = gid
}

// maxNice is HAProxy's largest nice, and its smallest below 0.
const maxNice = 1024

// bindNice reads nice, which has no meaning here.
func bindNice(o *options) {
	w := o.take()
	n, err := atoi(w.Text)
	switch {
	case w.Text == "":
		o.bad(o.opt, "'nice' : missing value")
	case err != nil:
		o.bad(w, "'nice' : invalid value %s", w.Text)
	case n < -maxNice || n > maxNice:
		o.bad(w, "'nice' : invalid value %d, allowed range is -%d..%d", n, maxNice, maxNice)
	}
}

func bindID(kind string) func(*options) {
	return func(o *options) {
		w := o.take()
		n, err := strconv.Atoi(w.Text)
		if err != nil || n < 0 {
			o.bad(w, "'%s' : invalid id '%s'", kind, w.Text)
			return
		}
		if kind == "uid" {
			o.bind.UID = n
		} else {
			o.bind.GID = n
		}
	}
}

func bindNumber(o *options) {
	w := o.take()
	n, err := strconv.Atoi(w.Text)
	if err != nil || n <= 0 || n > maxInt32 {
		o.bad(w, "'id' : custom id has to be > 0")
		return
	}
	if o.px != nil {
		for _, b := range o.px.Binds {
			if b.ID == n {
				o.bad(w, "'id' : custom id %d already used at %s ('bind %s')", n, b.Line, b.Addr.Text)
				return
			}
		}
	}
	o.bind.ID = n
}

func bindLevel(o *options) {
	w := o.take()
	switch w.Text {
	case "user", "operator", "admin":
		o.bind.level = w.Text
	default:
		o.problem(w, "'level' only supports 'user', 'operator', and 'admin' (got '"+w.Text+"')", []string{"user", "operator", "admin"})
	}
}

func bindExpose(o *options) {
	w := o.take()
	if w.Text != "listeners" {
		o.problem(w, "'expose-fd' only supports 'listeners' (got '"+w.Text+"')", []string{"listeners"})
		return
	}
	o.bind.expose = true
}

// bindOptions are the options of bind and stats socket lines that are read.
var bindOptions = []Keyword{
	{Name: "accept-proxy", In: OnBind, Text: "Expects a PROXY protocol header (version 1 or 2) first on every connection.",
		Example: "bind :8080 accept-proxy", option: func(o *options) { o.bind.Proxy = true }},
	{Name: "backlog", In: OnBind, Usage: "<conns>", Text: "Length of the kernel's queue of connections that were not accepted yet.",
		Example: "bind :8080 backlog 1024", option: func(o *options) {
			if n, ok := o.integer(0, maxInt32); ok {
				o.bind.Backlog = n
			}
		}},
	{Name: "defer-accept", In: OnBind, Text: "A connection is accepted once data has come on it, or after a second.", Example: "bind :8080 defer-accept", option: func(o *options) {
		o.bind.Socket.DeferAccept = true
	}},
	{Name: "expose-fd", In: OnBind, Usage: "listeners", Text: "Lets a new process fetch the listening sockets over this runtime socket.",
		Example: "stats socket /tmp/admin.sock expose-fd listeners", option: bindExpose},
	{Name: "gid", In: OnBind, Usage: "<gid>", Text: "Group of the unix socket, as a number.", Example: "bind /tmp/web.sock gid 0", option: bindID("gid")},
	{Name: "group", In: OnBind, Usage: "<group>", Text: "Group of the unix socket, by name.", Example: "bind /tmp/web.sock group root", option: bindGroup},
	{Name: "id", In: OnBind, Usage: "<id>", Text: "Number of the listener; must be unique in its frontend.", Example: "bind :8080 id 3", option: bindNumber},
	{Name: "interface", In: OnBind, Usage: "<name>", Text: "Listens on one network interface only.", Example: "bind :8080 interface lo", option: func(o *options) {
		o.bind.Iface, _ = o.text()
	}},
	{Name: "level", In: OnBind, Usage: "user|operator|admin", Text: "What the runtime socket permits; operator where it is not given.",
		Example: "stats socket /tmp/admin.sock level admin", option: bindLevel},
	{Name: "maxconn", In: OnBind, Usage: "<conns>", Text: "Most connections at once through this listener.", Example: "bind :8080 maxconn 1000", option: func(o *options) {
		if n, ok := o.integer(0, maxInt32); ok {
			o.bind.MaxConn = n
		}
	}},
	{Name: "nice", In: OnBind, Status: Without, Why: whyLoops, Usage: "<-1024..1024>", Values: 1, option: bindNice},
	{Name: "mode", In: OnBind, Usage: "<mode>", Text: "Permissions of the unix socket, in octal.", Example: "stats socket /tmp/admin.sock mode 660", option: bindMode},
	{Name: "name", In: OnBind, Usage: "<name>", Text: "Name of the listener in statistics.", Example: "bind :8080 name main", option: func(o *options) {
		o.bind.Name, _ = o.text()
	}},
	{Name: "proto", In: OnBind, Usage: "h1", Text: "The protocol spoken to clients; h1 is the only one yet.", Example: "bind :8080 proto h1", option: protocol("proto", "unknown MUX protocol", "h1")},
	{Name: "tfo", In: OnBind, Text: "TCP Fast Open.", Example: "bind :8080 tfo", option: func(o *options) { o.bind.TFO = true }},
	{Name: "uid", In: OnBind, Usage: "<uid>", Text: "Owner of the unix socket, as a number.", Example: "bind /tmp/web.sock uid 0", option: bindID("uid")},
	{Name: "user", In: OnBind, Usage: "<user>", Text: "Owner of the unix socket, by name.", Example: "bind /tmp/web.sock user root", option: bindUser},
	{Name: "v4v6", In: OnBind, Text: "An IPv6 socket that takes IPv4 too.", Example: "bind :::8080 v4v6", option: func(o *options) { o.bind.Addr.V4V6 = true }},
	{Name: "v6only", In: OnBind, Text: "An IPv6 socket that takes IPv6 only; the default.", Example: "bind :::8080 v6only", option: func(o *options) { o.bind.v6only = true }},
}
