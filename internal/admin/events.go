package admin

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"bascule/internal/events"
	"bascule/internal/logs"
)

// showEvents is "show events [<ring>] [-w] [-n] [--json]": what is kept of the
// process's events, or of a ring section's lines, oldest first; with -w what happens
// from now on too, until the client sends anything or goes; with -n only that.
func (w worker) showEvents(c *Call) {
	var follow, fresh, asJSON bool
	name, args := "", c.Args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "json" {
		name, args = args[0], args[1:]
	}
	for _, a := range args {
		switch a {
		case "-w":
			follow = true
		case "-n":
			fresh = true
		case "-wn", "-nw":
			follow, fresh = true, true
		case "--json", "json":
			asJSON = true
		default:
			c.Fail("'show events' takes [<ring>] [-w] [-n] [--json].")
			return
		}
	}
	if name != "" {
		w.showRing(c, name, follow, fresh)
		return
	}
	ring, since := w.p.Stats().Events, uint64(0)
	if ring == nil {
		return
	}
	if fresh {
		since = ring.Last()
	}
	put := func(e *events.Event) { c.Out().Write(e.AppendLine(c.Out().AvailableBuffer())) }
	if asJSON {
		put = func(e *events.Event) { _ = json.NewEncoder(c.Out()).Encode(e) } // a session that is gone ends by itself
	}
	for _, e := range ring.Since(since) {
		put(&e)
		since = e.ID
	}
	if !follow {
		return
	}
	defer ring.Follow()()
	c.while(func(ctx context.Context) {
		for c.flush() == nil {
			list := ring.Wait(ctx, since)
			if list == nil {
				return
			}
			for _, e := range list {
				put(&e)
				since = e.ID
			}
		}
	})
}

// showRing shows the lines of a ring section.
func (w worker) showRing(c *Call, name string, follow, fresh bool) {
	var r *logs.Reader
	if hub := w.p.Stats().Logs; hub != nil {
		r = hub.Follow(name, fresh)
	}
	if r == nil {
		c.Fail("No such event sink")
		return
	}
	defer r.Close()
	dump := func() error {
		for {
			lines := r.Append(nil)
			if len(lines) == 0 {
				return nil
			}
			c.Out().Write(lines)
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	if dump() != nil || !follow {
		return
	}
	c.while(func(ctx context.Context) {
		for c.flush() == nil && r.Wait(ctx) && dump() == nil {
			continue
		}
	})
}

// while runs f until it returns; its context ends when the client sends
// anything, goes, or the server is closed.
func (s *session) while(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, more := make(chan struct{}), s.r.Buffered()
	_ = s.conn.SetReadDeadline(time.Time{}) // a follower says nothing
	go func() {                             // ends with the client's next byte, or with the deadline below
		_, _ = s.r.Peek(more + 1) // an error is an end as well
		cancel()
		close(ended)
	}()
	s.apart(func() { f(ctx) })
	_ = s.conn.SetReadDeadline(time.Now()) // wakes the reader
	<-ended
	cancel()
	if more == 0 {
		_, _ = s.r.Discard(s.r.Buffered()) // the key that ended it is no command
	}
}
