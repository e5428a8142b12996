package main

import (
	"context"
	"strings"
	"time"
)

const (
	// rollingDeadline is how long a drained server may keep its users.
	rollingDeadline = "8s"
	// checkEvery replaces the deployment's 5 s between two checks, in milliseconds,
	// so that a server is UP again 2 s after its start instead of 10.
	checkEvery = "1000"
)

// quick are the variables of a lab that has no time.
var quick = []string{"haproxy_health_check_interval_ms=" + checkEvery, "haproxy_graceful_drain_seconds=2"}

// rolling deploys both pools under load.
func rolling(ctx context.Context, l *lab) error {
	var v verdicts
	if _, err := l.play(ctx, "haproxy.yml", quick...); err != nil {
		return err
	}
	before, err := l.fleetPIDs(ctx)
	if err != nil {
		return err
	}
	u, err := l.startUsers(ctx, "")
	if err != nil {
		return err
	}
	r, err := l.play(ctx, "rolling_deploy.yml", append(quick, "rolling_deadline="+rollingDeadline, "rolling_at_idle=1s")...)
	if err != nil {
		return err
	}
	last, err := u.finish()
	if err != nil {
		return err
	}
	after, err := l.fleetPIDs(ctx)
	if err != nil {
		return err
	}
	v.say(r.failed == 0, "rolling_deploy.yml, %s", r)
	restarted := 0
	for name, pid := range before {
		if after[name] != pid && after[name] != "0" {
			restarted++
		}
	}
	v.say(restarted == len(before), "%d of %d servers run as new processes", restarted, len(before))
	v.say(last.Final.Clean() && last.Final.Load.InFlight+last.Final.Load.Unserved == 0, "%s", last)
	return v.err()
}

// fleetPIDs are the processes of the servers, by host.
func (l *lab) fleetPIDs(ctx context.Context) (map[string]string, error) {
	pids := map[string]string{}
	for _, h := range l.hosts {
		unit := ""
		switch {
		case strings.HasPrefix(h.Name, "backend-api"):
			unit = "veza-backend-api"
		case strings.HasPrefix(h.Name, "stream-server"):
			unit = "veza-stream-server"
		default:
			continue
		}
		said, err := h.run(ctx, "systemctl show -P MainPID "+unit)
		if err != nil {
			return nil, err
		}
		pids[h.Name] = strings.TrimSpace(said)
	}
	return pids, nil
}

// switchOver goes to HAProxy and back by one variable. One program relieves the
// other on shared ports: nobody is refused, and no request is lost or done twice.
func switchOver(ctx context.Context, l *lab) error {
	var v verdicts
	for _, to := range []string{"haproxy", "bascule"} {
		u, err := l.startUsers(ctx, "--light")
		if err != nil {
			return err
		}
		if _, err := u.ask("mark"); err != nil {
			return err
		}
		r, err := l.play(ctx, "haproxy.yml", append(quick, "front_door="+to)...)
		if err != nil {
			return err
		}
		gap, err := u.ask("gap")
		if err != nil {
			return err
		}
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
		last, err := u.finish()
		if err != nil {
			return err
		}
		program, err := l.hosts["haproxy"].run(ctx, `readlink /proc/"$(systemctl show -P MainPID haproxy)"/exe`)
		if err != nil {
			return err
		}
		program = strings.TrimSpace(program)
		v.say(r.failed == 0 && strings.HasSuffix(program, "/"+to), "front_door=%s, %s: %s answers", to, r, program)
		v.say(gap.Refused == 0 && gap.Gap < switchLimit, "%d of %d new connections refused, longest without an answer %.0f ms of at most %.0f",
			gap.Refused, gap.Probes, ms(gap.Gap), ms(switchLimit))
		v.say(last.Final.Clean() && last.Final.Load.InFlight+last.Final.Load.Unserved == 0, "%s", last)
		r, err = l.play(ctx, "haproxy.yml", append(quick, "front_door="+to)...)
		if err != nil {
			return err
		}
		v.say(r.changed == 0, "front_door=%s, again, %s", to, r)
	}
	return v.err()
}

// switchLimit is for clients whom the kernel has given to a program that is just
// beginning, on a busy machine.
const switchLimit = 5 * time.Second
