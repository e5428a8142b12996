package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	// waitLimit is how long all connections may take to get an answer.
	waitLimit = 60 * time.Second
	// warmUp is how long the load runs before the clock starts: server
	// connections are open and a collector has found its size.
	warmUp = 500 * time.Millisecond
)

// round is one measurement of one proxy under one row: a slice, where the row is sliced.
type round struct {
	MicrosPerRequest float64 `json:"cpu_us_per_request"`
	PerSecond        float64 `json:"requests_per_second"`
	Busy             float64 `json:"proxy_core_share"`  // the proxy's own share of its core, 0 to 1
	Others           float64 `json:"others_core_share"` // what others took of that core meanwhile
	Logged           float64 `json:"logged_share"`      // log lines received per request, 0 without a log
	P50              float64 `json:"p50_us,omitempty"`  // of a paced row, from when the request was due
	P99              float64 `json:"p99_us,omitempty"`
	KiBPerConn       float64 `json:"kib_per_conn,omitempty"` // of an idle row: growth of resident memory
}

// placing says where the proxies run, and how long idle connections stay alone.
type placing struct {
	core, own int // the proxy's core, the bench's
	idle      time.Duration
}

// cores is the list for taskset: more loops share the bench's own core.
func (on placing) cores(r row) string {
	if r.threads() > 1 {
		return fmt.Sprintf("%d,%d", on.core, on.own)
	}
	return strconv.Itoa(on.core)
}

// measure starts the proxy fresh and alone, measures it once and stops it.
func measure(ctx context.Context, p *proxy, r row, on placing, span time.Duration) (res round, err error) {
	g, err := newRig(ctx, p, r, on)
	if err != nil {
		return res, err
	}
	defer g.stop()
	if r.idle {
		res, err = g.hold(ctx, on.idle)
	} else {
		res, err = g.drive(ctx, span)
	}
	return res, g.wrap(err)
}

// drive loads the proxy by the clock for span.
func (g *rig) drive(ctx context.Context, span time.Duration) (res round, err error) {
	if err := g.begin(ctx); err != nil {
		return res, err
	}
	g.resume()
	if err := sleep(ctx, warmUp); err != nil {
		return res, err
	}
	pace := &g.load.pace
	pace.taking.Store(true)
	if res, err = g.measure(ctx, span); err != nil {
		return res, err
	}
	pace.taking.Store(false)
	g.loop.do(func() { res.P50, res.P99 = pace.quantile(0.50), pace.quantile(0.99) })
	return res, g.wait(ctx, func() bool { return true })
}

// hold opens all connections, leaves them alone for idle and measures by how much
// the proxy's resident memory has grown since before the first.
func (g *rig) hold(ctx context.Context, idle time.Duration) (res round, err error) {
	if err := sleep(ctx, warmUp); err != nil {
		return res, err
	}
	before, err := treeRSS(g.run.cmd.Process.Pid)
	if err != nil {
		return res, err
	}
	if err := g.begin(ctx); err != nil {
		return res, err
	}
	if err := sleep(ctx, idle); err != nil {
		return res, err
	}
	after, err := treeRSS(g.run.cmd.Process.Pid)
	res.KiBPerConn = float64(after-before) / 1024 / float64(g.row.conns)
	return res, err
}
