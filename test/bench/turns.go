package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// plan is how much is measured of each row.
type plan struct {
	rounds  int           // fresh starts of every proxy
	turns   int           // slices of each proxy, over all rounds
	slice   time.Duration // length of one
	seconds float64       // length of a round of a row that is not sliced
}

// measured is how many seconds of a round are measured of each proxy.
func (pl plan) measured(r row) float64 {
	if r.sliced() {
		return pl.slice.Seconds() * float64(pl.turns) / float64(pl.rounds)
	}
	return pl.seconds
}

// measureRow measures the proxies under the row, round by round, and returns for each
// its slices, as many for all of them; of a row that is not sliced its rounds.
func (pl plan) measureRow(ctx context.Context, compared []*proxy, r row, on placing, progress io.Writer) ([][]round, error) {
	all := make([][]round, len(compared))
	for n := range pl.rounds {
		got, err := pl.measureRound(ctx, compared, r, on, n)
		if err != nil {
			return nil, err
		}
		for i, p := range compared {
			all[i] = append(all[i], got[i]...)
			m := median(got[i])
			fmt.Fprintf(progress, "%s round %d: %-8s %s, core %.0f %% proxy, %.0f %% others\n",
				r.name, n+1, p.name, r.show(m), 100*m.Busy, 100*m.Others)
		}
		if r.idle {
			break // nothing about it is noisy, and it takes a minute
		}
	}
	return all, nil
}

func (pl plan) measureRound(ctx context.Context, compared []*proxy, r row, on placing, n int) ([][]round, error) {
	if r.sliced() {
		return pl.measureTurns(ctx, compared, r, on, n)
	}
	var all [][]round
	for _, p := range compared {
		got, err := measure(ctx, p, r, on, time.Duration(pl.measured(r)*float64(time.Second)))
		if err != nil {
			return nil, err
		}
		all = append(all, []round{got})
	}
	return all, nil
}

// measureTurns starts all proxies fresh, lets them run at the same time and takes the
// slices of round n.
func (pl plan) measureTurns(ctx context.Context, compared []*proxy, r row, on placing, n int) ([][]round, error) {
	var rigs []*rig
	for _, p := range compared {
		g, err := newRig(ctx, p, r, on)
		if err != nil {
			return nil, err
		}
		defer g.stop()
		rigs = append(rigs, g)
	}
	for _, g := range rigs {
		err := g.begin(ctx)
		if err == nil {
			_, err = g.slice(ctx, warmUp)
		}
		if err != nil {
			return nil, g.wrap(err)
		}
	}
	return takeTurns(len(rigs), n*pl.turns/pl.rounds, (n+1)*pl.turns/pl.rounds, func(i int) (round, error) {
		got, err := rigs[i].slice(ctx, pl.slice)
		return got, rigs[i].wrap(err)
	})
}

// takeTurns takes a slice of each of so many proxies in every turn. Each turn begins with
// another one (A B C, B C A, …), so that a machine that gets slower or faster favours none.
func takeTurns(proxies, from, to int, slice func(i int) (round, error)) ([][]round, error) {
	all := make([][]round, proxies)
	for turn := from; turn < to; turn++ {
		for k := range proxies {
			i := (k + turn) % proxies
			got, err := slice(i)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], got)
		}
	}
	return all, nil
}
