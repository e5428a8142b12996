package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// connectLimit is how long all connections may take to get their first answer.
	connectLimit = 15 * time.Second
	// warmUp is how long the load runs before the clock starts: server
	// connections are open and a collector has found its size.
	warmUp = 500 * time.Millisecond
)

// round is one measurement of one proxy under one row.
type round struct {
	MicrosPerRequest float64 `json:"cpu_us_per_request"`
	PerSecond        float64 `json:"requests_per_second"`
	Busy             float64 `json:"proxy_core_share"`  // the proxy's own share of its core, 0 to 1
	Others           float64 `json:"others_core_share"` // what others took of that core meanwhile
	Logged           float64 `json:"logged_share"`      // log lines received per request, 0 without a log
}

// measure starts the proxy fresh, loads it for span and stops it.
func measure(ctx context.Context, p *proxy, r row, core int, span time.Duration) (res round, err error) {
	l, err := newLoop()
	if err != nil {
		return res, err
	}
	var servers [2]int
	for i := range servers {
		s, err := newServer(r.body)
		if err != nil {
			return res, err
		}
		if err := l.add(s.fd, inOnly, s); err != nil {
			return res, err
		}
		servers[i] = s.port
	}
	var log *logReader
	if r.log {
		if log, err = newLogReader(); err != nil {
			return res, err
		}
		if err := l.add(log.fd, inOnly, log); err != nil {
			return res, err
		}
	}
	starter, err := newStarter(l)
	if err != nil {
		return res, err
	}
	// Ends when stop below says so.
	go l.run()
	defer l.stop()

	run, err := p.start(ctx, core, servers, log)
	if err != nil {
		return res, err
	}
	defer run.stop()
	ld := newLoad(r, run.port)
	starter.begin(ld)
	if err := ld.waitUp(ctx); err != nil {
		return res, fmt.Errorf("%s, %s: %w", p.name, r.name, err)
	}
	if err := pause(ctx, warmUp); err != nil {
		return res, err
	}
	from, err := sample(run, ld, log, core)
	if err != nil {
		return res, err
	}
	if err := pause(ctx, span); err != nil {
		return res, err
	}
	to, err := sample(run, ld, log, core)
	if err != nil {
		return res, err
	}
	if n := ld.bad.Load(); n > 0 {
		return res, fmt.Errorf("%s, %s: %d wrong answers, the first: %s", p.name, r.name, n, ld.what.Load())
	}
	return from.until(to)
}

// counts is a moment's reading of everything that a round compares.
type counts struct {
	at          time.Time
	done, lines uint64
	cpu, core   time.Duration
}

func sample(run *running, ld *load, log *logReader, core int) (c counts, err error) {
	c.at, c.done = time.Now(), ld.done.Load()
	if log != nil {
		c.lines = log.lines.Load()
	}
	if c.cpu, err = treeCPU(run.cmd.Process.Pid); err != nil {
		return c, err
	}
	c.core, err = coreBusy(core)
	return c, err
}

func (from counts) until(to counts) (round, error) {
	n := to.done - from.done
	if n == 0 {
		return round{}, errors.New("no request was answered")
	}
	wall, cpu := to.at.Sub(from.at), to.cpu-from.cpu
	return round{
		MicrosPerRequest: cpu.Seconds() * 1e6 / float64(n),
		PerSecond:        float64(n) / wall.Seconds(),
		Busy:             cpu.Seconds() / wall.Seconds(),
		Others:           max(0, (to.core-from.core-cpu).Seconds()/wall.Seconds()),
		Logged:           float64(to.lines-from.lines) / float64(n),
	}, nil
}

// waitUp returns when every connection has had an answer.
func (ld *load) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	for ld.up.Load() < int64(ld.row.conns) {
		if ld.bad.Load() > 0 {
			return fmt.Errorf("wrong answer: %s", ld.what.Load())
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d connections answered: %w", ld.up.Load(), ld.row.conns, err)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
