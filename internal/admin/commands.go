package admin

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/stats"
)

// Commands is the table of a worker's socket.
func Commands(p Process) []Command {
	w := worker{p}
	return []Command{
		{"clear counters", "[all]", "clear max statistics counters (or all counters)", Operator, w.clearCounters},
		{"disable health", "<bk>/<srv>", "disable health checks", Admin, w.onServer(setChecks(false))},
		{"disable server", "<bk>/<srv>", "disable a server for maintenance (use 'set server' instead)", Admin, w.onServer(setState(backend.Maint))},
		{"enable health", "<bk>/<srv>", "enable health checks", Admin, w.onServer(setChecks(true))},
		{"enable server", "<bk>/<srv>", "enable a disabled server (use 'set server' instead)", Admin, w.onServer(setState(backend.Ready))},
		{"get weight", "<bk>/<srv>", "report a server's current weight", User, w.onServer(getWeight)},
		{"reload", "", "read the configuration again and swap it in", Admin, w.reload},
		{"set server", "<bk>/<srv> [opts]", "change a server's state, weight or health", Admin, w.onServer(w.setServer)},
		{"set weight", "<bk>/<srv>", "change a server's weight (use 'set server' instead)", Admin, w.onServer(setWeight)},
		{"show backend", "", "list backends in the current running config", User, w.showBackend},
		{"show cli level", "", "display the level of the current CLI session", User, func(c *Call) { fmt.Fprintln(c.Out(), c.level) }},
		{"show cli sockets", "", "dump list of cli sockets", Operator, w.showSockets},
		{"show env", "[var]", "dump environment variables known to the process", Operator, showEnv},
		{"show errors", "", "report the last errors of requests and replies", Operator, showErrors},
		{"show info", "[desc|json|typed|float]*", "report information about the running process", User, w.showInfo},
		{"show servers state", "[<backend>]", "dump volatile server information (all or for a single backend)", User, w.showServersState},
		{"show sess", "[id]", "report the list of current sessions or one of them", Operator, w.showSess},
		{"show startup-logs", "", "report what was said while starting", Operator, func(c *Call) { c.Out().WriteString(p.StartupLogs()) }},
		{"show stat", "[desc|json|no-maint|typed|up]*", "report counters for each proxy and server", User, w.showStat},
		{"show version", "", "show version of the current process", User, func(c *Call) { c.Say("%s", p.Stats().Process().Version) }},
		{"shutdown session", "[id]", "kill a specific session", Admin, w.shutdownSession},
		{"shutdown sessions server", "<bk>/<srv>", "kill sessions on a server", Admin, w.onServer(w.shutdownSessions)},
	}
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

func (w worker) reload(c *Call) {
	ok, log := w.p.Reload()
	WriteReload(c, ok, log)
}

// WriteReload answers a reload as HAProxy's master does: the verdict, a line
// of dashes, the log.
func WriteReload(c *Call, ok bool, log string) {
	fmt.Fprintf(c.Out(), "Success=%d\n--\n", bit(ok))
	c.Out().WriteString(log)
	if log != "" && !strings.HasSuffix(log, "\n") {
		c.Out().WriteByte('\n')
	}
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

// showErrors: captures of bad messages are not kept, so there are none.
func showErrors(c *Call) {
	fmt.Fprintf(c.Out(), "Total events captured on [%s] : 0\n", time.Now().Format("02/Jan/2006:15:04:05.000"))
}

func (w worker) showInfo(c *Call) {
	format, desc := stats.CSV, false
	for _, a := range c.Args {
		switch a {
		case "typed":
			format = stats.Typed
		case "json":
			format = stats.JSON
		case "desc":
			desc = true
		}
	}
	facts := w.p.Stats().Facts()
	_ = stats.WriteInfo(c.Out(), &facts, format, desc) // a session that is gone ends by itself
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
