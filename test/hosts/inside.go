package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// step is one part of a run. Steps follow each other on the same hosts.
type step struct {
	name, what string
	run        func(ctx context.Context, l *lab) error
}

// steps in the order of a run. Each is right whatever ran before, boot and site
// apart, which the others need.
var steps = []step{
	{"boot", "seven Debian hosts, each with systemd, sshd and a network of its own", bootAll},
	{"site", "playbooks/site.yml over ssh", playSite},
	{"again", "playbooks/site.yml again: changed=0", playAgain},
	{"unit", "the balancer's unit on its host: security, user, ports", checkUnit},
	{"page", "docs/from-haproxy.md by hand: Debian's HAProxy to bascule and back", byHand},
	{"failover", "the failover test, backend-api-1's host killed", failover},
	{"reload", "systemctl reload under load, 20 times", reload},
	{"worker", "kill -9 of the worker under load", killWorker},
	{"rolling", "playbooks/rolling_deploy.yml of both pools under load", rolling},
	{"switch", "front_door: bascule to haproxy and back under light load, nothing lost", switchOver},
}

// errMissed is a figure outside its limit; it has been printed.
var errMissed = errors.New("a figure is outside its limit")

// inside runs in namespaces of its own, as their first process.
func inside(args []string) error {
	opt, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	began := time.Now()
	l, err := newLab(opt, os.Getenv(insideMark))
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	defer l.close()
	var times []string
	run, out := opt.chosen()
	for _, s := range run {
		from := time.Now()
		fmt.Printf("--- %s: %s\n", s.name, s.what)
		err := s.run(ctx, l)
		if ctx.Err() != nil {
			return fmt.Errorf("%s was interrupted", s.name)
		}
		if err != nil {
			return fmt.Errorf("%s after %.1f s: %w", s.name, time.Since(from).Seconds(), err)
		}
		took := time.Since(from).Seconds()
		fmt.Printf("--- %s passed in %.1f s\n", s.name, took)
		times = append(times, fmt.Sprintf("%s %.0f", s.name, took))
	}
	fmt.Printf("%d steps passed in %.0f s: %s\n", len(times), time.Since(began).Seconds(), strings.Join(times, ", "))
	if len(out) > 0 {
		fmt.Printf("not run: %s\n", strings.Join(out, ", "))
	}
	return nil
}

// verdicts are the figures of one step.
type verdicts struct{ missed bool }

// say prints a figure, and whether it is as it must be.
func (v *verdicts) say(ok bool, format string, args ...any) {
	mark := "ok    "
	if !ok {
		mark, v.missed = "FAILED", true
	}
	fmt.Printf("    %s %s\n", mark, fmt.Sprintf(format, args...))
}

func (v *verdicts) err() error {
	if v.missed {
		return errMissed
	}
	return nil
}

// bootAll boots the hosts and gives them what the playbooks take for granted:
// Redis, and on the client the load.
func bootAll(ctx context.Context, l *lab) error {
	began := time.Now()
	if err := l.boot(ctx); err != nil {
		return err
	}
	var v verdicts
	version, err := l.hosts["haproxy"].run(ctx, ". /etc/os-release; echo $PRETTY_NAME, $(systemctl --version | head -n 1)")
	if err != nil {
		return err
	}
	v.say(true, "%d hosts are running after %.1f s: %s", len(plan), time.Since(began).Seconds(), version[:len(version)-1])
	if err := startRedis(ctx, l.hosts["redis"]); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return l.hosts["client"].put(self, clientPath, 0o755)
}

// startRedis installs Debian's Redis and opens it to the lab.
func startRedis(ctx context.Context, h *host) error {
	_, err := h.run(ctx, `set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -q -y --no-install-recommends --no-download install redis-server
sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf
systemctl restart redis-server`)
	return err
}
