package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rig is one proxy under one row with servers, connections and load of its own.
// Several may stand at once; those whose load is paused cost next to nothing.
type rig struct {
	proxy *proxy
	row   row
	core  int // the proxy's
	loop  *loop
	load  *load
	log   *logReader // nil without a log
	run   *running
	ids   []int // the proxy's processes
}

// newRig starts the proxy and its servers. The load opens no connection before begin.
func newRig(ctx context.Context, p *proxy, r row, on placing) (*rig, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	g := &rig{proxy: p, row: r, core: on.core, loop: l}
	var ports [2]int
	l.do(func() { ports, err = g.serve() })
	if err == nil {
		g.run, err = p.start(ctx, r, on.cores(r), ports, g.log)
	}
	if err != nil {
		l.stop()
		return nil, err
	}
	g.load = newLoad(r, g.run.port)
	if g.ids, err = family(g.run.cmd.Process.Pid); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// serve opens the two servers' ports and the log's. It runs on the loop's thread.
func (g *rig) serve() (ports [2]int, err error) {
	for i := range ports {
		s, err := newServer(g.row.body)
		if err != nil {
			return ports, err
		}
		if err := g.loop.add(s.fd, inOnly, s); err != nil {
			return ports, err
		}
		ports[i] = s.port
	}
	if g.row.log {
		if g.log, err = newLogReader(); err != nil {
			return ports, err
		}
		err = g.loop.add(g.log.fd, inOnly, g.log)
	}
	return ports, err
}

// stop ends the load, the servers and the proxy.
func (g *rig) stop() {
	g.run.stop()
	g.loop.stop()
}

// begin opens all connections and returns when each has had an answer: the load is paused then.
func (g *rig) begin(ctx context.Context) error {
	g.loop.do(func() { g.load.begin(g.loop) })
	return g.wait(ctx, func() bool { return g.load.up.Load() == int64(g.row.conns) })
}

// pause lets no more requests follow and returns when all answers are in.
func (g *rig) pause(ctx context.Context) error {
	g.loop.do(func() { g.load.on, g.loop.busy = false, false })
	return g.wait(ctx, func() (all bool) {
		g.loop.do(func() { all = len(g.load.quiet) == g.row.conns })
		return all
	})
}

// resume lets every connection ask, and ask again after each answer.
func (g *rig) resume() { g.loop.do(func() { g.load.resume(g.loop) }) }

// settle is how long the load runs before a slice begins: the caches held another
// proxy's work.
const settle = 10 * time.Millisecond

// slice resumes the load, compares what was counted before span with what after, and
// pauses the load.
func (g *rig) slice(ctx context.Context, span time.Duration) (res round, err error) {
	g.resume()
	if err := sleep(ctx, settle); err != nil {
		return res, err
	}
	// All connections have asked at the same moment: that has to spread.
	if err := g.everyoneAnswered(ctx); err != nil {
		return res, err
	}
	if res, err = g.measure(ctx, span); err != nil {
		return res, err
	}
	return res, g.pause(ctx)
}

// everyoneAnswered returns when there were as many more answers as there are connections.
func (g *rig) everyoneAnswered(ctx context.Context) error {
	enough := g.load.done.Load() + uint64(g.row.conns)
	return g.wait(ctx, func() bool { return g.load.done.Load() >= enough })
}

// measure compares what was counted before span with what after.
func (g *rig) measure(ctx context.Context, span time.Duration) (res round, err error) {
	from, err := g.sample()
	if err != nil {
		return res, err
	}
	if err := sleep(ctx, span); err != nil {
		return res, err
	}
	// On a busy machine nobody may have run meanwhile.
	if err := g.everyoneAnswered(ctx); err != nil {
		return res, err
	}
	to, err := g.sample()
	if err != nil {
		return res, err
	}
	return from.until(to)
}

// counts is a moment's reading of everything that a round compares.
type counts struct {
	at          time.Time
	done, lines uint64
	cpu, core   time.Duration
}

func (g *rig) sample() (c counts, err error) {
	c.at, c.done = time.Now(), g.load.done.Load()
	if c.cpu, err = cpuOf(g.ids); err != nil {
		return c, err
	}
	if g.log != nil {
		c.lines = g.log.lines.Load()
	}
	c.core, err = coreBusy(g.core)
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
		Others:           (to.core - from.core - cpu).Seconds() / wall.Seconds(), // means nothing with more than one core
		Logged:           float64(to.lines-from.lines) / float64(n),
	}, nil
}

// wait returns when done says so. A wrong answer, the end of ctx or waitLimit is an error.
func (g *rig) wait(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		over := done()
		if g.load.bad.Load() > 0 {
			return fmt.Errorf("%d wrong answers, the first: %s", g.load.bad.Load(), g.load.what.Load())
		}
		if over {
			return nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d connections answered: %w", g.load.up.Load(), g.row.conns, err)
		}
	}
}

// wrap says whose error it is.
func (g *rig) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s, %s: %w", g.proxy.name, g.row.name, err)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
