package admin

import (
	"fmt"
	"strings"
	"time"
)

// A ReloadOrder is how a reload is to be done.
type ReloadOrder struct {
	DryRun bool `json:",omitempty"` // tell what would change, and change nothing
	Forget bool `json:",omitempty"` // drop what was set at run time: weights, states, limits, checks
}

// ReloadUsage are the words behind "reload".
const ReloadUsage = "[--dry-run] [--forget]"

// ParseReload reads the words behind "reload"; false after it has failed.
func ParseReload(c *Call) (o ReloadOrder, ok bool) {
	for _, word := range c.Args {
		switch word {
		case "--dry-run":
			o.DryRun = true
		case "--forget":
			o.Forget = true
		default:
			c.Fail("'reload' takes %s.", ReloadUsage)
			return o, false
		}
	}
	return o, true
}

func (w worker) reload(c *Call) {
	if o, ok := ParseReload(c); ok {
		ok, log := false, ""
		c.Apart(func() { ok, log = w.p.Reload(o) })
		WriteReload(c, ok, log)
	}
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

// showReload tells what became of the reloads of the process, one figure a
// line; more only ever join at the end. Last_* are missing before the first.
func (w worker) showReload(c *Call) {
	p := w.p.Stats().Process()
	fmt.Fprintf(c.Out(), "Reloads: %d\nRefused: %d\n", p.Reloads, p.ReloadsRefused)
	if last := p.LastReload; !last.IsZero() {
		result := "refused"
		if p.LastReloadOK {
			result = "in force"
		}
		fmt.Fprintf(c.Out(), "Last_result: %s\nLast_time: %s\nLast_age_sec: %d\n",
			result, last.Format(time.RFC3339), int64(time.Since(last)/time.Second))
	}
	fmt.Fprintf(c.Out(), "Removed_servers: %d\nRemoved_sessions: %d\n", p.RemovedServers, p.RemovedSessions)
}
