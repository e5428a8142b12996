package admin

import (
	"fmt"
	"strings"
	"time"

	"bascule/internal/backend"
	"bascule/internal/lang"
)

const (
	drainUsage = "'set server <srv> state drain' takes 'deadline <time> [at-idle <time>]'."
	// A drain must leave its users at least the time of one request, and a
	// pause shorter than a second is none.
	leastDeadline = time.Second
	leastAtIdle   = time.Second
)

// setStateDrain is "set server b/s state drain [deadline <time> [at-idle <time>]]".
func setStateDrain(c *Call, b *backend.Backend, srv *backend.Server) {
	if len(c.Args) == 0 {
		ask(c, b, backend.SetState{Srv: srv, Order: backend.Drain})
		return
	}
	e := backend.SetDrain{Srv: srv, AtIdle: backend.DefaultAtIdle}
	for words := c.Args; len(words) > 0; words = words[2:] {
		to, least := &e.Deadline, leastDeadline
		switch {
		case words[0] == "deadline":
		case words[0] == "at-idle":
			to, least = &e.AtIdle, leastAtIdle
		default:
			c.Fail("%s", drainUsage)
			return
		}
		if len(words) < 2 {
			c.Fail("'%s' expects a time.", words[0])
			return
		}
		d, why := orderedTime(words[1], least)
		if why != "" {
			c.Fail("'%s' %s.", words[0], why)
			return
		}
		*to = d
	}
	if e.Deadline == 0 {
		c.Fail("%s", drainUsage)
		return
	}
	ask(c, b, e)
}

// orderedTime reads a time that must have a unit: without one, files count
// milliseconds and people count seconds.
func orderedTime(text string, least time.Duration) (d time.Duration, why string) {
	if last := text[len(text)-1]; last >= '0' && last <= '9' {
		return 0, fmt.Sprintf("expects a time with a unit (us, ms, s, m, h, d), not '%s'", text)
	}
	d, err := lang.ParseTime(text, time.Millisecond)
	switch {
	case err != nil:
		return 0, fmt.Sprintf("cannot read the time '%s': %s", text, err)
	case d < least:
		return 0, fmt.Sprintf("must be at least %s", least)
	}
	return d, ""
}

// drainHeader names the columns of "show servers drain"; more only ever join
// at the end.
const drainHeader = "# be_name srv_name srv_status srv_stage srv_age srv_left srv_at_idle srv_sessions srv_queued srv_sticky srv_websockets srv_tunnels " +
	"srv_moved srv_kept srv_closed srv_cut srv_pace"

// showServersDrain lists the servers that are being drained. Times are seconds,
// "-" where there is no deadline; srv_sticky counts the requests of the last ten
// seconds that a cookie brought.
func (w worker) showServersDrain(c *Call) {
	backends, ok := w.named(c)
	if !ok {
		return
	}
	fmt.Fprintln(c.Out(), drainHeader)
	now := time.Now()
	for _, b := range backends {
		for _, srv := range b.Servers() {
			if d := srv.State().Drain; d != nil {
				writeDrain(c, b.Name(), srv, d, now)
			}
		}
	}
	for _, srv := range w.p.Stats().Gone(c.Arg(0)) {
		if d := srv.State().Drain; d != nil {
			writeDrain(c, srv.Backend().Name(), srv, d, now)
		}
	}
}

func writeDrain(c *Call, be string, srv *backend.Server, d *backend.Draining, now time.Time) {
	left, atIdle := "-", "-"
	if d.Stage != backend.Lasting {
		left, atIdle = seconds(d.Left(now)), seconds(d.AtIdle)
	}
	t, status := d.Tally, strings.ReplaceAll(srv.Status(), " ", "_")
	if srv.State().Removed {
		status = "REMOVED"
	}
	fmt.Fprintf(c.Out(), "%s %s %s %s %s %s %s %d %d %d %d %d %d %d %d %d %d\n",
		be, srv.Name, status, d.Stage, seconds(now.Sub(d.Begun)), left, atIdle,
		srv.Cur.Cur(), srv.Queue.Cur(), t.Lately.Load(), srv.WebSockets.Load(), srv.Tunnels.Load(),
		t.Moved.Load(), t.Kept.Load(), t.Closed.Load(), t.Cut.Load(), d.Pace())
}

// seconds rounds up, so that 0 means that nothing is left.
func seconds(d time.Duration) string {
	return fmt.Sprint(int64((d + time.Second - 1) / time.Second))
}
