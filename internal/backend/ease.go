package backend

import (
	"time"
)

// easeEvery is how often a drain with a deadline moves on: 50 WebSockets in a
// second are five at a time then.
const easeEvery = 100 * time.Millisecond

// draining are the servers whose drain has a deadline that is not over, those
// that a reload has removed included.
func (b *Backend) draining() (list []*Server) {
	add := func(s *Server) {
		if d := s.State().Drain; d != nil && d.Stage != Lasting && d.Stage != Over {
			list = append(list, s)
		}
	}
	for _, s := range b.Servers() {
		add(s)
	}
	for _, s := range b.gone {
		add(s)
	}
	return list
}

// nextEase is when a drain moves on.
func (b *Backend) nextEase() (at time.Time, draining bool) {
	return b.eased.Add(easeEvery), len(b.draining()) > 0
}

// ease moves all drains with a deadline on.
func (b *Backend) ease(now time.Time) {
	b.eased = now
	for _, s := range b.draining() {
		sn := b.snap.Load()
		d := s.State().Drain
		see := seen{sessions: s.Cur.Cur(), queued: s.Queue.Cur(), webSockets: s.WebSockets.Load(), tunnels: s.Tunnels.Load(),
			sticks: !d.Removed && (sn.cookies != nil || len(sn.use) > 0), alone: len(sn.usable) == 0,
			others: sn.takings(), waiting: b.Queue.Cur()}
		for _, o := range sn.usable {
			see.waiting += o.Queue.Cur()
		}
		if last := d.Tally.last.Load(); last != 0 {
			see.sticky = time.Unix(0, last)
		}
		b.happen(see, now, s)
	}
}

// effectEase passes on what a drain asks for.
func (b *Backend) effectEase(s *Server, st *State, e Ease) {
	if e.WebSockets > 0 || e.Tunnels > 0 || e.All {
		e.Srv, e.Tally = s, st.Drain.Tally
		b.env.Ease(e)
	}
}

// stage is how far the drain of a state has come; whether there is one too.
func stage(st *State) int {
	if st.Drain == nil {
		return -1
	}
	return int(st.Drain.Stage)
}
