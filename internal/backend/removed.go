package backend

import "time"

// removed says that the configuration has the server no more: what runs on it
// is drained within deadline, 0: it ends by itself.
type removed struct{ deadline, atIdle time.Duration }

func (r removed) on(t *turn) {
	t.Removed, t.requeue, t.retire = true, true, true
	if r.deadline == 0 || t.Drain != nil && t.Drain.Stage > Lasting {
		return // the operator's own deadline goes on
	}
	d := &Draining{Begun: t.now, Until: t.now.Add(r.deadline), AtIdle: r.atIdle, Stage: Moving, Removed: true, Tally: new(DrainTally)}
	if t.Drain != nil {
		d.Tally = t.Drain.Tally
	}
	t.Drain = d
	t.note(noteRemoved, causeNone)
}

// returned says that the configuration has a removed server again.
func (t *turn) returned() {
	if t.Removed = false; t.Drain != nil && t.Drain.Removed {
		t.Drain = nil // follow makes the one that was ordered
	}
}

// Removed are the servers that a reload has taken out and that have sessions
// left. Any goroutine may read it.
func (b *Backend) Removed() []*Server {
	if list := b.left.Load(); list != nil {
		return *list
	}
	return nil
}

func (b *Backend) publishGone() {
	list := make([]*Server, 0, len(b.gone))
	for _, s := range b.gone {
		list = append(list, s)
	}
	b.left.Store(&list)
}

// forget drops removed servers whose last session has ended.
func (b *Backend) forget() {
	if b.gone == nil {
		b.gone = map[string]*Server{}
	}
	for name, s := range b.gone {
		if s.Cur.Cur() == 0 {
			delete(b.gone, name)
		}
	}
}

// bury drops those of them that nobody can have chosen lately.
func (b *Backend) bury() {
	for name, s := range b.gone {
		if d := s.State().Drain; s.Cur.Cur() == 0 && (d == nil || d.Stage == Lasting || d.Stage == Over) {
			delete(b.gone, name)
			b.publishGone()
		}
	}
}
