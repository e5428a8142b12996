package main

import (
	"slices"
	"sync/atomic"
	"time"
)

// pace begins requests by the clock, whether earlier ones are answered or not:
// a slow proxy cannot slow down its load, and each request's time counts from
// when it was due. It belongs to the loop's thread.
type pace struct {
	rate   int // per second
	next   int64
	free   []*client
	due    []int64 // requests that found every connection busy, by when they were due
	taking atomic.Bool
	taken  []int64 // latencies in ns, of the answers while taking is set
}

// turn begins what is due. The loop calls it in every turn and does not sleep.
func (ld *load) turn(l *loop) {
	p := &ld.pace
	now := l.now()
	if p.next == 0 {
		p.next = now
	}
	for ; p.next <= now; p.next += int64(time.Second) / int64(p.rate) {
		n := len(p.free)
		if n == 0 {
			p.due = append(p.due, p.next)
			continue
		}
		c := p.free[n-1]
		p.free = p.free[:n-1]
		c.since = p.next
		c.send(l, ld.ask())
	}
}

// answered notes the request's time and gives its connection to the next one.
func (p *pace) answered(l *loop, c *client) {
	if c.since != 0 && p.taking.Load() {
		p.taken = append(p.taken, l.now()-c.since)
	}
	if len(p.due) == 0 {
		p.free = append(p.free, c)
		return
	}
	c.since = p.due[0]
	p.due = p.due[1:]
	c.send(l, c.load.ask())
}

// quantile returns the latency in µs that the share q of all stayed below. Call
// it after the loop's end only.
func (p *pace) quantile(q float64) float64 {
	if len(p.taken) == 0 {
		return 0
	}
	slices.Sort(p.taken)
	return float64(p.taken[int(q*float64(len(p.taken)-1))]) / 1e3
}
