package admin

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"time"

	"bascule/internal/backend"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// Commands is the table of a worker's socket.
func Commands(p Process) []Command {
	w := worker{p}
	list := slices.Concat(sslCertificates.commands(w), sslAuthorities.commands(w), sslRevocations.commands(w))
	return append(list, []Command{
		{Words: "add server", Usage: "<bk>/<srv> <addr>[:<port>] [opts]", Text: "create a new server", Level: Admin, Run: w.addServer},
		{Words: "clear counters", Usage: "[all]", Text: "clear max statistics counters (or all counters)", Level: Operator, Run: w.clearCounters},
		{Words: "del server", Usage: "<bk>/<srv>", Text: "remove a server that is in maintenance", Level: Admin, Run: w.onServer(w.delServer)},
		{Words: "add ssl crt-list", Usage: "<list> <cert> [<payload>]", Text: "add a line to a crt-list", Level: Admin, Payload: true, Run: w.addLine},
		{Words: "del ssl crt-list", Usage: "<list> <cert>[:<line>]", Text: "delete a line of a crt-list", Level: Admin, Run: w.deleteLine},
		{Words: "disable agent", Usage: "<bk>/<srv>", Text: "disable agent checks", Level: Admin, Run: w.onServer(setAgent(false))},
		{Words: "disable frontend", Usage: "<frontend>", Text: "temporarily disable specific frontend", Level: Admin, Run: w.setStage(stream.Paused)},
		{Words: "disable health", Usage: "<bk>/<srv>", Text: "disable health checks", Level: Admin, Run: w.onServer(setChecks(false))},
		{Words: "disable server", Usage: "<bk>/<srv>", Text: "disable a server for maintenance (use 'set server' instead)", Level: Admin, Run: w.onServer(setState(backend.Maint))},
		{Words: "enable agent", Usage: "<bk>/<srv>", Text: "enable agent checks", Level: Admin, Run: w.onServer(setAgent(true))},
		{Words: "enable frontend", Usage: "<frontend>", Text: "re-enable specific frontend", Level: Admin, Run: w.setStage(stream.Open)},
		{Words: "enable health", Usage: "<bk>/<srv>", Text: "enable health checks", Level: Admin, Run: w.onServer(setChecks(true))},
		{Words: "enable server", Usage: "<bk>/<srv>", Text: "enable a disabled server (use 'set server' instead)", Level: Admin, Run: w.onServer(setState(backend.Ready))},
		{Words: "get var", Usage: "<name>", Text: "retrieve contents of a process-wide variable", Level: Operator, Run: getVar},
		{Words: "get weight", Usage: "<bk>/<srv>", Text: "report a server's current weight", Level: User, Run: w.onServer(getWeight)},
		{Words: "reload", Usage: ReloadUsage, Text: "read the configuration again and swap it in", Level: Admin, Run: w.reload},
		{Words: "set maxconn frontend", Usage: "<frontend> <value>", Text: "change a frontend's maxconn setting", Level: Admin, Run: w.setMaxConnFrontend},
		{Words: "set maxconn global", Usage: "<value>", Text: "change the per-process maxconn setting", Level: Admin, Run: w.setMaxConnGlobal},
		{Words: "set maxconn server", Usage: "<bk>/<srv>", Text: "change a server's maxconn setting", Level: Admin, Run: w.onServer(setMaxConn)},
		{Words: "set rate-limit", Usage: "<setting> <value>", Text: "change a rate limiting value", Level: Admin, Run: w.setRateLimit},
		{Words: "set server", Usage: "<bk>/<srv> [opts]", Text: "change a server's state, weight or health", Level: Admin, Run: w.onServer(w.setServer)},
		{Words: "set ssl ocsp-response", Usage: "<resp|payload>", Text: "update a certificate's OCSP response from a base64-encoded DER", Level: Admin, Payload: true, Run: w.setResponse},
		{Words: "set ssl tls-key", Usage: "[#<id>|<file>] <key>", Text: "give the tickets of a tls-ticket-keys file another key", Level: Admin, Run: w.setTicketKey},
		{Words: "set var", Usage: "<name> [fmt|expr] {<fmt>|<expr>}", Text: "set variable from an expression/format", Level: Admin, Run: setVar},
		{Words: "set weight", Usage: "<bk>/<srv>", Text: "change a server's weight (use 'set server' instead)", Level: Admin, Run: w.onServer(setWeight)},
		{Words: "show activity", Text: "show what the loops do, per loop", Level: Operator, Run: w.showActivity},
		{Words: "show backend", Text: "list backends in the current running config", Level: User, Run: w.showBackend},
		{Words: "show cli level", Text: "display the level of the current CLI session", Level: User, Run: func(c *Call) { fmt.Fprintln(c.Out(), c.level) }},
		{Words: "show cli sockets", Text: "dump list of cli sockets", Level: Operator, Run: w.showSockets},
		{Words: "show env", Usage: "[var]", Text: "dump environment variables known to the process", Level: Operator, Run: showEnv},
		{Words: "show errors", Usage: "[<proxy>] [request|response]", Text: "report the last request and reply of each proxy that could not be read", Level: Operator, Run: w.showErrors},
		{Words: "show events", Usage: "[<ring>] [-w] [-n] [--json]", Text: "show what has happened lately, or the lines of a ring, and follow it", Level: Operator, Run: w.showEvents},
		{Words: "show info", Usage: "[desc|json|typed|float]*", Text: "report information about the running process", Level: User, Run: w.showInfo},
		{Words: "show reload", Text: "tell what became of the reloads of this process", Level: User, Run: w.showReload},
		{Words: "show schema json", Text: "report schema used for stats", Level: User, Run: func(c *Call) { _ = stats.WriteSchema(c.Out()) }},
		{Words: "show servers conn", Usage: "[<backend>]", Text: "dump server connections status (all or for a single backend)", Level: User, Run: w.showServersConn},
		{Words: "show servers drain", Usage: "[<backend>]", Text: "tell who is left on the servers that are being drained", Level: User, Run: w.showServersDrain},
		{Words: "show servers state", Usage: "[<backend>]", Text: "dump volatile server information (all or for a single backend)", Level: User, Run: w.showServersState},
		{Words: "show sess", Usage: "[<id>|all|older <age>|susp|server <bk>/<srv>]", Text: "report the list of current sessions or this exact session", Level: Operator, Run: w.showSess},
		{Words: "show ssl ca-file", Usage: "[<cafile>[:<index>]]", Text: "display the SSL CA files used in memory, or the details of one", Level: Operator, Run: w.showAuthorities},
		{Words: "show ssl cert", Usage: "[<certfile>]", Text: "display the SSL certificates used in memory, or the details of a file", Level: Operator, Run: w.showCertificate},
		{Words: "show ssl crl-file", Usage: "[<crlfile>[:<index>]]", Text: "display the SSL CRL files used in memory, or the details of one", Level: Operator, Run: w.showRevocations},
		{Words: "show ssl crt-list", Usage: "[-n] [<list>]", Text: "show the list of crt-lists or the content of one", Level: Admin, Run: w.showList},
		{Words: "show ssl ocsp-response", Usage: "[<id>]", Text: "display the IDs of the OCSP responses used in memory, or the details of one", Level: User, Run: w.showResponses},
		{Words: "show startup-logs", Text: "report what the last start or reload said", Level: Operator, Run: func(c *Call) { c.Out().WriteString(p.StartupLogs()) }},
		{Words: "show stat", Usage: "[desc|json|no-maint|typed|up]*", Text: "report counters for each proxy and server", Level: User, Run: w.showStat},
		{Words: "show tls-keys", Usage: "[#<id>|<file>|*]", Text: "show the files of keys of tickets, or the keys of one or all to an admin", Level: User, Run: w.showTicketKeys},
		{Words: "show version", Text: "show version of the current process", Level: User, Run: func(c *Call) { c.Say("%s", p.Stats().Process().Version) }},
		{Words: "shutdown frontend", Usage: "<frontend>", Text: "stop a specific frontend", Level: Admin, Run: w.setStage(stream.Shut)},
		{Words: "shutdown session", Usage: "[id]", Text: "kill a specific session", Level: Admin, Run: w.shutdownSession},
		{Words: "shutdown sessions server", Usage: "<bk>/<srv>", Text: "kill sessions on a server", Level: Admin, Run: w.onServer(w.shutdownSessions)},
	}...)
}

// worker holds the commands that need the process.
type worker struct{ p Process }

func (w worker) clearCounters(c *Call) {
	all := c.Arg(0) == "all"
	if all && c.level < Admin {
		c.Fail("Permission denied")
		return
	}
	stats.Clear(w.p.Stats(), all)
}

func (w worker) showBackend(c *Call) {
	fmt.Fprintln(c.Out(), "# name")
	for _, b := range w.p.Stats().Backends() {
		fmt.Fprintln(c.Out(), b.Name())
	}
}

func (w worker) showSockets(c *Call) {
	fmt.Fprintln(c.Out(), "# socket lvl processes")
	for _, s := range w.p.Stats().Config().Global.StatsSockets {
		name := s.Addr.Text
		if s.Addr.Path != "" {
			name = "unix@" + s.Addr.Path
		}
		fmt.Fprintf(c.Out(), "%s %s all\n", name, ParseLevel(s.Level))
	}
}

func showEnv(c *Call) {
	if name := c.Arg(0); name != "" {
		value, ok := os.LookupEnv(name)
		if !ok {
			c.Fail("Variable not found")
			return
		}
		fmt.Fprintf(c.Out(), "%s=%s\n", name, value)
		return
	}
	env := os.Environ()
	sort.Strings(env)
	for _, line := range env {
		fmt.Fprintln(c.Out(), line)
	}
}

func (w worker) showInfo(c *Call) {
	format, desc, float := stats.CSV, false, false
	for _, a := range c.Args {
		switch a {
		case "typed":
			format = stats.Typed
		case "json":
			format = stats.JSON
		case "desc":
			desc = true
		case "float":
			float = true
		}
	}
	facts := w.p.Stats().Facts()
	facts.Float = float && format == stats.CSV
	_ = stats.WriteInfo(c.Out(), &facts, format, desc) // a session that is gone ends by itself
}

func (w worker) showActivity(c *Call) {
	var loops []stats.LoopFacts
	if src := w.p.Stats(); src.Loops != nil {
		loops = src.Loops()
	}
	_ = stats.WriteActivity(c.Out(), loops, time.Now()) // a session that is gone ends by itself
}

func (w worker) showStat(c *Call) {
	src := w.p.Stats()
	q, err := stats.ParseShow(c.Args, src.Config().Proxies)
	if err != nil {
		c.Fail("%s", err)
		return
	}
	q.Filter.Legends = c.level >= Operator
	_ = stats.Write(c.Out(), stats.Rows(src, q.Filter), q.Format, q.Desc) // likewise
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
