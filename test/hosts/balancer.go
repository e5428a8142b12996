package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	// reloads follow each other every reloadPace.
	reloads, reloadPace = 20, 500 * time.Millisecond
	// serveLimit is from the end of the worker to the next answer, on a busy machine.
	serveLimit = 5 * time.Second
	// wholeAfter is how long the load goes on behind it.
	wholeAfter = 2 * time.Second
)

// running is the balancer's processes and sockets.
type running struct {
	Master  string
	Workers []string
	Sockets string // the listening sockets of port 80, by inode
}

func (l *lab) running(ctx context.Context) (running, error) {
	said, err := l.hosts["haproxy"].run(ctx, `systemctl show -P MainPID haproxy
pgrep -P "$(systemctl show -P MainPID haproxy)" | tr '\n' ' '; echo
ss -Hlnte 'sport = :80' | grep -o 'ino:[0-9]*' | sort | tr '\n' ' '; echo`)
	lines := strings.Split(said, "\n")
	if err != nil || len(lines) < 3 {
		return running{}, fmt.Errorf("the balancer's processes: %w: %q", err, said)
	}
	return running{lines[0], strings.Fields(lines[1]), strings.TrimSpace(lines[2])}, nil
}

// reload is systemctl reload under load.
func reload(ctx context.Context, l *lab) error {
	var v verdicts
	before, err := l.running(ctx)
	if err != nil {
		return err
	}
	u, err := l.startUsers(ctx, "")
	if err != nil {
		return err
	}
	if _, err := u.ask("mark"); err != nil {
		return err
	}
	began := time.Now()
	for range reloads {
		if _, err := l.hosts["haproxy"].run(ctx, "systemctl reload haproxy"); err != nil {
			return err
		}
		if err := wait(ctx, reloadPace); err != nil {
			return err
		}
	}
	took := time.Since(began)
	gap, err := u.ask("gap")
	if err != nil {
		return err
	}
	after, err := l.running(ctx)
	if err != nil {
		return err
	}
	last, err := u.finish()
	if err != nil {
		return err
	}
	v.say(last.Final.Clean() && last.Final.Load.InFlight+last.Final.Load.Unserved == 0 && last.Reconnects == 0,
		"%d reloads in %.1f s: %s", reloads, took.Seconds(), last)
	v.say(gap.Refused == 0, "%d new connections, %d refused, longest without an answer %.0f ms", gap.Probes, gap.Refused, ms(gap.Gap))
	v.say(before.Master == after.Master && len(after.Workers) == 1 && before.Workers[0] == after.Workers[0],
		"master %s to %s, worker %v to %v", before.Master, after.Master, before.Workers, after.Workers)
	return v.err()
}

// killWorker kills the worker, which takes its connections with it, and sees the
// master serve on the same sockets.
func killWorker(ctx context.Context, l *lab) error {
	var v verdicts
	lb := l.hosts["haproxy"]
	before, err := l.running(ctx)
	if err != nil {
		return err
	}
	u, err := l.startUsers(ctx, "")
	if err != nil {
		return err
	}
	for _, word := range []string{"mark", "outage"} {
		if _, err := u.ask(word); err != nil {
			return err
		}
	}
	if _, err := lb.run(ctx, "kill -9 "+strings.Join(before.Workers, " ")); err != nil {
		return err
	}
	if err := wait(ctx, serveLimit); err != nil {
		return err
	}
	gap, err := u.ask("over")
	if err != nil {
		return err
	}
	if err := wait(ctx, wholeAfter); err != nil {
		return err
	}
	after, err := l.running(ctx)
	if err != nil {
		return err
	}
	last, err := u.finish()
	if err != nil {
		return err
	}
	v.say(gap.Gap < serveLimit, "kill -9 of the worker: serves again after %.0f ms of at most %.0f; %d of %d new connections broken",
		ms(gap.Gap), ms(serveLimit), gap.Refused, gap.Probes)
	v.say(before.Sockets == after.Sockets && before.Sockets != "" && before.Master == after.Master && len(after.Workers) == 1,
		"the same master %s and sockets %s, worker %v to %v", after.Master, after.Sockets, before.Workers, after.Workers)
	v.say(last.Final.Clean(), "%s", last)
	return v.err()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
