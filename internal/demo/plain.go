package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// plain prints a line each second, and what happened before it, until ctx or the
// balancer ends.
func (d *demo) plain(ctx context.Context, w io.Writer) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	seen := 0
	for {
		var err error
		select {
		case <-tick.C:
		case <-ctx.Done():
		case <-d.lab.Lost():
			err = d.lab.LostError()
		}
		var events []event
		events, seen = d.news(seen)
		for _, e := range events {
			fmt.Fprintln(w, e)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		state, _ := d.shown(0)
		fmt.Fprintln(w, plainLine(state))
	}
}

// plainLine is a snapshot in one line.
func plainLine(s snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6.1f s  %3.0f req/s  p50 %s  p99 %s  ws %d  cache %s  lost %d  in flight %d",
		s.at.Seconds(), s.load.PerSecond, millis(s.load.P50), millis(s.load.P99),
		s.chat.Connected, percent(s.cache), s.load.Lost, s.load.InFlight)
	if s.load.Unserved > 0 {
		fmt.Fprintf(&b, "  unserved %d", s.load.Unserved)
	}
	b.WriteString(" ")
	for _, srv := range s.servers {
		status := srv.status
		if srv.pid == 0 {
			status += " (dead)"
		}
		fmt.Fprintf(&b, " | %s %s", srv.name, status)
	}
	return b.String()
}

func percent(share float64) string {
	if share < 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
