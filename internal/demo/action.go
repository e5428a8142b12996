package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Things that can be done to the deployment, by key or by schedule.
const (
	verbKill   = "kill"
	verbStart  = "start"
	verbDrain  = "drain"
	verbReady  = "ready"
	verbReload = "reload"
)

var verbs = []string{verbKill, verbStart, verbDrain, verbReady, verbReload}

// action is one of them, planned for a time after the start.
type action struct {
	verb   string
	server string // empty for a reload
	at     time.Duration
}

// names are the servers of the deployment.
var names = []string{"backend-api-1", "backend-api-2", "stream-server-1", "stream-server-2"}

// parseAction reads "NAME@TIME", or "TIME" for a reload.
func parseAction(verb, text string) (action, error) {
	server, when := "", text
	if verb != verbReload {
		var ok bool
		if server, when, ok = strings.Cut(text, "@"); !ok {
			return action{}, fmt.Errorf("want NAME@TIME, such as %s@5s", names[0])
		}
		if !slices.Contains(names, server) {
			return action{}, fmt.Errorf("no server is named %q; there are %s", server, strings.Join(names, ", "))
		}
	}
	at, err := time.ParseDuration(when)
	if err == nil && at < 0 {
		err = fmt.Errorf("%s is before the start", when)
	}
	return action{verb, server, at}, err
}

// follow does what is planned, until all is done or ctx ends.
func (d *demo) follow(ctx context.Context, schedule []action) {
	slices.SortStableFunc(schedule, func(a, b action) int { return int(a.at - b.at) })
	for _, planned := range schedule {
		wait := time.NewTimer(planned.at - time.Since(d.begun))
		select {
		case <-wait.C:
			d.act(ctx, planned)
		case <-ctx.Done():
			wait.Stop()
			return
		}
	}
}

// act does one thing and notes it; an error is an event as well.
func (d *demo) act(ctx context.Context, a action) {
	var err error
	switch a.verb {
	case verbKill:
		err = d.kill(a.server)
	case verbStart:
		d.note("start %s", a.server)
		err = d.lab.StartServer(ctx, a.server)
	case verbDrain, verbReady:
		d.note("set server %s state %s", a.server, a.verb)
		err = d.lab.SetState(ctx, a.server, a.verb)
	case verbReload:
		d.note("reload (USR2)")
		err = d.lab.Reload()
	}
	if err != nil && ctx.Err() == nil {
		d.note("%s: %v", a.verb, err)
	}
}

// kill notes the times by which failed requests are judged.
func (d *demo) kill(server string) error {
	asked := time.Now()
	gone, err := d.lab.Kill(server)
	if err != nil {
		return err
	}
	d.load.Killed(server, asked, gone)
	d.watchOutages()
	d.note("kill -9 %s", server)
	return nil
}
