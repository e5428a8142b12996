package config

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bascule/internal/lang"
)

// HAProxy's defaults of the global section.
const (
	defaultBufSize      = 16384
	defaultMaxRewrite   = 1024
	defaultMaxHeaders   = 101
	defaultStatsTimeout = 10 * time.Second
)

func defaultGlobal(env Env) Global {
	return Global{
		UID: -1, GID: -1, Node: env.Hostname, StatsTimeout: defaultStatsTimeout, LogTag: "haproxy",
		BufSize: defaultBufSize, MaxRewrite: defaultMaxRewrite, MaxHeaders: defaultMaxHeaders, Tuning: Tuning{MaxPipes: -1},
	}
}

// words joins arguments as HAProxy does for texts.
func words(args []lang.Word) string {
	texts := make([]string, len(args))
	for i, w := range args {
		texts[i] = w.Text
	}
	return strings.Join(texts, " ")
}

// text makes the parse function of a global keyword with one word.
func text(field func(*Global) *string) func(*line) {
	return func(x *line) {
		if x.needs("a value") && x.atMost(1) {
			*field(&x.cfg.Global) = x.arg(0)
		}
	}
}

func globalInt(low, high int, field func(*Global) *int) func(*line) {
	return func(x *line) {
		if n, ok := x.integer(low, high); ok {
			*field(&x.cfg.Global) = n
		}
	}
}

func globalSize(low, high int, field func(*Global) *int) func(*line) {
	return func(x *line) {
		if n, ok := x.size(low, high); ok {
			*field(&x.cfg.Global) = n
		}
	}
}

func globalTime(field func(*Global) *time.Duration) func(*line) {
	return func(x *line) {
		if x.arg(0) == "" {
			x.alert(x.name, "'%s' expects a timer value.", x.kw.Name)
			return
		}
		if d, ok := x.timeOf(x.args[0], x.kw.Name, time.Millisecond); ok && x.atMost(1) {
			*field(&x.cfg.Global) = d
		}
	}
}

func globalFlag(field func(*Global) *bool) func(*line) {
	return func(x *line) {
		if x.atMost(0) {
			*field(&x.cfg.Global) = !x.no
		}
	}
}

func parseUser(x *line) {
	g := &x.cfg.Global
	if g.UID >= 0 {
		x.note(x.name, "user/uid already specified. Continuing.")
		return
	}
	uid, _, err := x.env.LookupUser(x.arg(0))
	if err != nil {
		x.alert(x.at(0), "cannot find user id for '%s' (%s)", x.arg(0), reason(err))
		return
	}
	g.User, g.UID = x.arg(0), uid
	x.atMost(1)
}

func parseGroup(x *line) {
	g := &x.cfg.Global
	if g.GID >= 0 {
		x.note(x.name, "gid/group was already specified. Continuing.")
		return
	}
	gid, err := x.env.LookupGroup(x.arg(0))
	if err != nil {
		x.alert(x.at(0), "cannot find group id for '%s' (%s)", x.arg(0), reason(err))
		return
	}
	g.Group, g.GID = x.arg(0), gid
	x.atMost(1)
}

// parseSetenv reads setenv and presetenv; the lines below see the value.
func parseSetenv(always bool) func(*line) {
	return func(x *line) {
		if len(x.args) < 2 {
			x.alert(x.name, "'%s' expects an env variable name and a value.", x.kw.Name)
			return
		}
		if _, set := x.lookup(x.arg(0)); (always || !set) && x.atMost(2) {
			x.set(x.arg(0), x.arg(1))
		}
	}
}

func parseUnsetenv(x *line) {
	if !x.needs("at least one variable name") {
		return
	}
	for _, w := range x.args {
		x.vars[w.Text] = nil
	}
}

func parseLogSendHostname(x *line) {
	x.cfg.Global.LogHostname = x.env.Hostname
	if x.arg(0) != "" {
		x.cfg.Global.LogHostname = x.arg(0)
	}
	x.atMost(1)
}

// maxThreads is HAProxy's limit of nbthread on 64-bit machines in one group.
const maxThreads = 64

// globalKeywords are the lines of the global section that are read.
var globalKeywords = []Keyword{
	{Name: "ca-base", In: InGlobal, Usage: "<dir>", Text: "Directory of relative names of ca-file.", Example: "ca-base /etc/ssl/certs", parse: text(func(g *Global) *string { return &g.CABase })},
	{Name: "chroot", In: InGlobal, Usage: "<dir>", Text: "Changes the root directory once all files are open.", Example: "chroot /var/empty", parse: text(func(g *Global) *string { return &g.Chroot })},
	{Name: "key-base", In: InGlobal, Usage: "<dir>", Text: "Directory of relative names of key in crt-store sections.", Example: "key-base /etc/ssl/private", parse: text(func(g *Global) *string { return &g.KeyBase })},
	{Name: "crt-base", In: InGlobal, Usage: "<dir>", Text: "Directory of relative names of crt.", Example: "crt-base /etc/ssl/private", parse: text(func(g *Global) *string { return &g.CrtBase })},
	{Name: "daemon", In: InGlobal, Text: "Goes into the background, as -D.", Example: "daemon", parse: globalFlag(func(g *Global) *bool { return &g.Daemon })},
	{Name: "description", In: InGlobal, Usage: "<text>", Text: "A text about this machine for the statistics page.", Example: "description Front door of the lab", parse: parseDescription},
	{Name: "default-path", In: InGlobal, Usage: "current|config|parent|origin <dir>", Text: "Where relative names of files begin: the directory of the process (current, the default), that of the file, the one above it, or another.", Example: "default-path config", parse: parseDefaultPath},
	{Name: "gid", In: InGlobal, Usage: "<number>", Text: "Group to change to, as a number.", Example: "gid 100", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.GID })},
	{Name: "grace", In: InGlobal, Usage: "<time>", Text: "Time between the wish to stop and the closing of listeners.", Example: "grace 10s", parse: globalTime(func(g *Global) *time.Duration { return &g.GracePeriod })},
	{Name: "group", In: InGlobal, Usage: "<name>", Text: "Group to change to.", Example: "group root", parse: parseGroup},
	{Name: "hard-stop-after", In: InGlobal, Usage: "<time>", Text: "Longest time a soft stop may take. WebSockets are closed within it, one after the other, with Close 1001.", Example: "hard-stop-after 30s", parse: globalTime(func(g *Global) *time.Duration { return &g.HardStopAfter })},
	{Name: "log", In: InGlobal, Usage: "<address> [len <length>] [format <format>] [sample <ranges>:<size>] <facility> [<level> [<minlevel>]]", Text: "Where log lines go; proxies take it by log global.", Example: "log /dev/log local0", No: true, parse: parseGlobalLog},
	{Name: "log-send-hostname", In: InGlobal, Usage: "[<name>]", Text: "Puts the machine's name into log headers.", Example: "log-send-hostname", parse: parseLogSendHostname},
	{Name: "log-tag", In: InGlobal, Usage: "<text>", Text: "The program's name in log lines; haproxy where it is not given.", Example: "log-tag balancer", parse: text(func(g *Global) *string { return &g.LogTag })},
	{Name: "master-worker", In: InGlobal, Usage: "[no-exit-on-failure]", Text: "Runs a master above the worker, as -W.", Example: "master-worker", parse: globalMaster},
	{Name: "maxconn", In: InGlobal, Usage: "<conns>", Text: "Most client connections at once; from the descriptor limit where it is not given.", Example: "maxconn 8000", parse: once(func(g *Global) *int { return &g.MaxConn })},
	{Name: "nbthread", In: InGlobal, Usage: "<count>", Text: "Event loops, one thread each; one per usable core where it is not given.", Example: "nbthread 2", parse: globalInt(1, maxThreads, func(g *Global) *int { return &g.NbThread })},
	{Name: "node", In: InGlobal, Usage: "<name>", Text: "Name of this machine in statistics; the host's name where it is not given.", Example: "node front-1", parse: text(func(g *Global) *string { return &g.Node })},
	{Name: "pidfile", In: InGlobal, Usage: "<file>", Text: "File that gets the process number, as -p.", Example: "pidfile /tmp/bascule.pid", parse: text(func(g *Global) *string { return &g.PIDFile })},
	{Name: "presetenv", In: InGlobal, Usage: "<name> <value>", Text: "Sets an environment variable that is not set.", Example: "presetenv PORT 8080", parse: parseSetenv(false)},
	{Name: "server-state-base", In: InGlobal, Usage: "<dir>", Text: "Directory of relative state files.", Example: "server-state-base /var/lib/haproxy", parse: text(func(g *Global) *string { return &g.StateBase })},
	{Name: "server-state-file", In: InGlobal, Usage: "<file>", Text: "File that show servers state was saved to.", Example: "server-state-file state", parse: text(func(g *Global) *string { return &g.StateFile })},
	{Name: "setenv", In: InGlobal, Usage: "<name> <value>", Text: "Sets an environment variable for the lines below.", Example: "setenv PORT 8080", parse: parseSetenv(true)},
	{Name: "max-spread-checks", In: InGlobal, Usage: "<delay>", Text: "The longest time over which the first checks of all servers are spread; the shortest interval where not given.", Example: "max-spread-checks 10s", parse: globalTime(func(g *Global) *time.Duration { return &g.MaxSpread })},
	{Name: "spread-checks", In: InGlobal, Usage: "<percent>", Text: "Adds this much randomness to the time between checks.", Example: "spread-checks 5", parse: globalInt(0, 50, func(g *Global) *int { return &g.SpreadChecks })},
	{Name: "stats socket", In: InGlobal, Usage: "<address> [mode <mode>] [level <level>] [user <user>] [group <group>] [expose-fd listeners]", Text: "A runtime socket.", Example: "stats socket /tmp/admin.sock mode 660 level admin", parse: parseStatsSocket},
	{Name: "stats maxconn", In: InGlobal, Usage: "<count>", Text: "Most sessions of runtime sockets at once; more wait. 64 where not given.", Differs: "HAProxy's default is 10.", Example: "stats maxconn 20", parse: func(x *line) {
		n, err := strconv.Atoi(x.arg(0))
		if err != nil || n <= 0 {
			x.alert(x.at(0), "'stats maxconn' expects a positive value")
			return
		}
		x.cfg.Global.StatsMaxConn = n
	}},
	{Name: "stats timeout", In: InGlobal, Usage: "<time>", Text: "How long a runtime session may be silent; 10s where not given.", Example: "stats timeout 30s", parse: globalTime(func(g *Global) *time.Duration { return &g.StatsTimeout })},
	{Name: "tune.bufsize", In: InGlobal, Usage: "<bytes>", Text: "Size of a buffer, and so, less tune.maxrewrite, of the largest head; 16384 where not given. A larger request is answered 400, a larger reply 502.", Example: "tune.bufsize 32k", parse: globalSize(1024, 1<<30, func(g *Global) *int { return &g.BufSize })},
	{Name: "tune.http.maxhdr", In: InGlobal, Usage: "<count>", Text: "Most headers of a message, its first line counted with them; 101 where not given. A request with more is answered 400, a reply 502.", Example: "tune.http.maxhdr 200", parse: globalInt(1, 32767, func(g *Global) *int { return &g.MaxHeaders })},
	{Name: "tune.maxrewrite", In: InGlobal, Usage: "<bytes>", Text: "Room that is kept for added headers, half of a buffer at most; 1024 where not given.", Example: "tune.maxrewrite 2048", parse: globalSize(0, 1<<30, func(g *Global) *int { return &g.MaxRewrite })},
	{Name: "uid", In: InGlobal, Usage: "<number>", Text: "User to change to, as a number.", Example: "uid 100", parse: globalInt(0, maxInt32, func(g *Global) *int { return &g.UID })},
	{Name: "unsetenv", In: InGlobal, Usage: "<name>…", Text: "Removes environment variables for the lines below.", Example: "unsetenv PORT", parse: parseUnsetenv},
	{Name: "user", In: InGlobal, Usage: "<name>", Text: "User to change to once sockets are bound.", Example: "user root", parse: parseUser},
	{Name: "zero-warning", In: InGlobal, Text: "Refuses a configuration with warnings, as -dW.", Example: "zero-warning", parse: globalFlag(func(g *Global) *bool { return &g.ZeroWarning })},
}

// parseDescription reads the texts of `description` in global and in proxies.
func parseDescription(x *line) {
	switch {
	case len(x.args) == 0:
		x.alert(x.name, "'description' expects a string argument.")
	case x.px != nil:
		x.px.Desc = words(x.args)
	default:
		x.cfg.Global.Description = words(x.args)
	}
}

// parseDefaultPath reads `default-path`: where relative names of files begin.
func parseDefaultPath(x *line) {
	switch t := x.arg(0); t {
	case "current":
		x.base = ""
	case "config":
		x.base = filepath.Dir(x.pos.File)
	case "parent":
		x.base = filepath.Join(filepath.Dir(x.pos.File), "..")
	case "origin":
		if x.arg(1) == "" {
			x.alert(x.args[0], "'%s %s' expects a directory as an argument.", "default-path", t)
			return
		}
		x.base = x.arg(1)
		x.atMost(2)
		return
	default:
		x.choose(0, "unsupported default-path mode '"+t+"' for 'default-path', supported modes include 'current', 'config', 'parent', and 'origin'.",
			"current", "config", "parent", "origin")
		return
	}
	x.atMost(1)
}

func globalMaster(x *line) {
	x.cfg.Global.MasterWorker = true
	if t := x.arg(0); t != "" && t != "no-exit-on-failure" {
		x.choose(0, "'master-worker' only supports 'no-exit-on-failure' option", "no-exit-on-failure")
	}
}
