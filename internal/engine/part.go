package engine

import (
	"fmt"
	"slices"
	"time"

	"bascule/internal/backend"
	"bascule/internal/stream"
)

// partEvery is how often the drain of removed frontends moves on: each step counts
// their tunnels, a look at every stream.
const partEvery = 500 * time.Millisecond

// A parting is the drain of what a removed frontend has accepted.
type parting struct {
	fe     *stream.Frontend
	within time.Duration
	told   bool
	*backend.Departure
}

// partings are those of the removed frontends that have connections and drain-removed.
func partings(removed []*stream.Frontend) (list []*parting) {
	for _, f := range removed {
		if within := f.Rules().Cfg.DrainRemoved.For(); within > 0 && f.Cur.Cur() > 0 {
			list = append(list, &parting{fe: f, within: within, Departure: backend.NewDeparture(time.Now(), within)})
		}
	}
	return list
}

// part drains the frontends that one reload has removed. It ends when nothing is left
// of them, behind their deadlines, or with the engine.
func (e *Engine) part(list []*parting) {
	tick := time.NewTicker(partEvery)
	defer tick.Stop()
	for {
		have, ok := e.left(list)
		if !ok {
			return
		}
		now := time.Now()
		list = slices.DeleteFunc(list, func(p *parting) bool { return e.partOne(p, now, have) })
		if len(list) == 0 {
			return
		}
		select {
		case <-e.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// partOne moves one of them on; have is what each loop has.
func (e *Engine) partOne(p *parting, now time.Time, have []stream.Left) (over bool) {
	var sum stream.Streams
	for _, l := range have {
		n := l[p.fe]
		sum.All, sum.WebSockets, sum.Tunnels = sum.All+n.All, sum.WebSockets+n.WebSockets, sum.Tunnels+n.Tunnels
	}
	if !p.told && sum.All > 0 {
		p.told = true
		e.tell(backend.LevelNotice, fmt.Sprintf("Frontend %s is not in the configuration any more and is drained within %s. %d streams active, %d of them WebSockets.",
			p.fe.Name, p.within, sum.All, sum.WebSockets))
	}
	order, over := p.Step(now, p.fe.Cur.Cur(), sum.WebSockets, sum.Tunnels)
	if over && p.told {
		e.tell(backend.LevelNotice, fmt.Sprintf("Frontend %s is drained after %s: %d WebSockets closed, %d streams cut, %d left.",
			p.fe.Name, p.Took(now).Round(time.Millisecond), p.Tally().Closed.Load(), p.Tally().Cut.Load(), sum.All))
	}
	if !over {
		e.easeFront(p.fe, order, have)
	}
	return over
}

// left is what each loop has of the frontends; false when the engine stops.
func (e *Engine) left(list []*parting) (have []stream.Left, ok bool) {
	have = make([]stream.Left, len(e.loops))
	for i := range have {
		have[i] = stream.Left{}
		for _, p := range list {
			have[i][p.fe] = &stream.Streams{}
		}
	}
	return have, e.onLoops(func(i int) { e.planes[i].Carrier().Count(have[i]) })
}

// easeFront ends streams of a frontend, of each loop its part.
func (e *Engine) easeFront(fe *stream.Frontend, all backend.Ease, have []stream.Left) {
	sockets := shares(all.WebSockets, len(have), func(i int) int64 { return have[i][fe].WebSockets })
	tunnels := shares(all.Tunnels, len(have), func(i int) int64 { return have[i][fe].Tunnels })
	for i, l := range e.loops {
		part := all
		part.WebSockets, part.Tunnels = sockets[i], tunnels[i]
		if part.All || part.WebSockets > 0 || part.Tunnels > 0 {
			l.Post(func() { e.planes[i].Carrier().EaseFront(fe, part) })
		}
	}
}
