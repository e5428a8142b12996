package backend

import (
	"container/list"
	"slices"
	"sync"
)

// A Waiter is a stream in a queue.
type Waiter interface {
	// Granted is called once, on any goroutine, when the stream has left the
	// queue: it holds a slot on srv, which must be released. It must not block.
	Granted(srv *Server, was Position)
}

// A Position is how many streams left a queue while one waited there, itself
// included: 0, it did not wait (HAProxy: %sq and %bq). Moved: it had to leave
// the queue of a server that went down, for any other.
type Position struct {
	Server, Backend int
	Moved           bool
}

// queues are the FIFO queues of a backend: one for each server, one for any.
// They are touched only when slots are short.
type queues struct {
	mu    sync.Mutex // mu guards the fields below.
	any   list.List
	own   map[*Server]*list.List
	where map[Waiter]place
	seq   uint64
	left  int // streams that were granted a slot from the queue for any
	// turned counts the streams that found a server's queue full, since the last event.
	turned map[*Server]int
}

type place struct {
	of *Server // nil: any
	el *list.Element
}

// An entry is one waiting stream; seq orders the queues among each other.
type entry struct {
	w     Waiter
	seq   uint64
	begun int      // grants from its queue before it came
	was   Position // in a queue that it had to leave
	loyal bool     // waits for its server whatever becomes of it
}

// A grant is a call of Granted that is due once the lock is given back.
type grant struct {
	w   Waiter
	s   *Server
	was Position
}

func (q *queues) init() {
	q.own, q.where = map[*Server]*list.List{}, map[Waiter]place{}
}

// Enqueue lets w wait for a slot on srv, or on any server if srv is nil. pos is
// the number of streams before it. ok is false if the server's queue is full
// (maxqueue). Granted may be called before Enqueue returns.
func (b *Backend) Enqueue(srv *Server, w Waiter) (pos int, ok bool) {
	return b.enqueue(srv, entry{w: w})
}

// Insist is Enqueue for a stream that goes to srv though it is down
// (force-persist, option persist).
func (b *Backend) Insist(srv *Server, w Waiter) (pos int, ok bool) {
	return b.enqueue(srv, entry{w: w, loyal: srv != nil})
}

func (b *Backend) enqueue(srv *Server, e entry) (pos int, ok bool) {
	q := &b.line
	q.mu.Lock()
	if srv != nil && !srv.awaits(e) {
		// It has left since it was chosen, and its queue was shared out.
		srv.moved(b, 1)
		srv, e.was.Moved = nil, true
	}
	l := &q.any
	gauge := &b.Queue
	e.begun = q.left
	if srv != nil {
		e.begun = srv.left
		if l = q.own[srv]; l == nil {
			l = list.New()
			q.own[srv] = l
		}
		gauge = &srv.Queue
		if most := srv.Config().MaxQueue; most > 0 && l.Len() >= most {
			q.turnAway(srv)
			q.mu.Unlock()
			return 0, false
		}
	}
	pos = l.Len()
	q.seq++
	e.seq = q.seq
	q.where[e.w] = place{srv, l.PushBack(e)}
	gauge.Enter()
	var grants []grant
	if pos == 0 {
		// A slot may have been given back since the stream found none. Behind
		// others there is no need to look: whoever gives one back sees them.
		grants = b.serve(true)
	}
	q.mu.Unlock()
	deliver(grants)
	return pos, true
}

// awaits says that a stream may wait for s.
func (s *Server) awaits(e entry) bool {
	st := s.State()
	return st.Persists() || e.loyal && !st.Removed
}

// moved counts streams that had to leave for another server.
func (s *Server) moved(b *Backend, n int) {
	outside := b.env.Loops // the counters' slot of no loop
	s.Counters.Add(outside, Redispatches, int64(n))
	b.Counters.Add(outside, Redispatches, int64(n))
}

// Dequeue takes w out of its queue, where it was at that position; false: it
// was granted already, or Granted is being called.
func (b *Backend) Dequeue(w Waiter) (was Position, ok bool) {
	q := &b.line
	q.mu.Lock()
	defer q.mu.Unlock()
	p, ok := q.where[w]
	if ok {
		was = b.leave(p, w)
	}
	return was, ok
}

// leave removes an entry and gives its position; the lock is held.
func (b *Backend) leave(p place, w Waiter) Position {
	q := &b.line
	e := p.el.Value.(entry)
	delete(q.where, w)
	if p.of == nil {
		q.any.Remove(p.el)
		b.Queue.Leave()
		e.was.Backend += q.left - e.begun + 1
		return e.was
	}
	l := q.own[p.of]
	l.Remove(p.el)
	if l.Len() == 0 {
		delete(q.own, p.of)
	}
	p.of.Queue.Leave()
	e.was.Server += p.of.left - e.begun + 1
	return e.was
}

// Release gives a slot back: to the stream that waits longest for it, or it
// becomes free.
func (s *Server) Release(loop int) {
	b := s.b
	if s.Queue.Cur() == 0 && b.Queue.Cur() == 0 {
		s.Cur.Leave()
		s.touch()
		// A stream that found no slot may have begun to wait meanwhile.
		if s.Queue.Cur() > 0 || b.Queue.Cur() > 0 {
			b.wake()
		}
		return
	}
	b.pass(s)
}

// pass hands the slot that is being released to a waiting stream, and more if
// the limit has grown since.
func (b *Backend) pass(s *Server) {
	q := &b.line
	q.mu.Lock()
	limit := s.MaxConn()
	w := b.nextFor(s)
	if w == nil || limit > 0 && s.Cur.Cur() > limit {
		s.Cur.Leave()
		grants := b.serve(true)
		q.mu.Unlock()
		deliver(grants)
		return
	}
	was := b.grant(w, s, true)
	grants := b.fill(s, nil, true)
	q.mu.Unlock()
	s.touch()
	w.Granted(s, was)
	deliver(grants)
}

// grant takes w out of its queue; the lock is held. counted: those behind it have
// moved up by that, as far as their positions tell; a server that comes back takes
// its own from the middle of the line, so to say (as HAProxy counts it).
func (b *Backend) grant(w Waiter, s *Server, counted bool) Position {
	p := b.line.where[w]
	was := b.leave(p, w)
	switch {
	case !counted:
	case p.of != nil:
		s.left++
	default:
		b.line.left++
	}
	return was
}

// nextFor is the stream that has waited longest of those that s may serve, nil
// if there is none; the lock is held.
func (b *Backend) nextFor(s *Server) Waiter {
	q := &b.line
	var first entry
	if l := q.own[s]; l != nil {
		if e := l.Front().Value.(entry); s.awaits(e) {
			first = e
		}
	}
	if sn := b.snap.Load(); q.any.Len() > 0 && slices.Contains(sn.usable, s) && !slices.Contains(sn.shunned, s) {
		if e := q.any.Front().Value.(entry); first.w == nil || e.seq < first.seq {
			first = e
		}
	}
	return first.w
}

// wake gives free slots to waiting streams after a change of state.
func (b *Backend) wake() {
	b.line.mu.Lock()
	grants := b.serve(false)
	b.line.mu.Unlock()
	deliver(grants)
}

// serve gives every free slot away; the lock is held. When the last server goes
// down, those who wait keep waiting: one may come back before timeout queue.
func (b *Backend) serve(counted bool) (grants []grant) {
	if len(b.line.where) == 0 {
		return nil
	}
	for _, s := range b.snap.Load().Servers {
		grants = b.fill(s, grants, counted)
	}
	return grants
}

// fill gives the free slots of s away and adds to grants; the lock is held. A
// server without one is not asked whom it may serve: that costs a look at all.
func (b *Backend) fill(s *Server, grants []grant, counted bool) []grant {
	for s.hasSlot() {
		w := b.nextFor(s)
		if w == nil || !s.Cur.EnterBelow(s.MaxConn()) {
			break
		}
		s.touch()
		grants = append(grants, grant{w, s, b.grant(w, s, counted)})
	}
	return grants
}

// hasSlot says that s has a free slot, whoever waits for it.
func (s *Server) hasSlot() bool {
	limit := s.MaxConn()
	return limit <= 0 || s.Cur.Cur() < limit
}

// redistribute lets those who wait for s wait for any server instead, each in
// its old place, and returns how many there were. Who insists on s stays while
// there is one.
func (b *Backend) redistribute(s *Server) (moved int) {
	q := &b.line
	var grants []grant
	q.mu.Lock()
	for _, e := range q.waiting(s) {
		p := q.where[e.w]
		if p.of != s || e.loyal && s.awaits(e) { // was granted a moment ago, or stays
			continue
		}
		moved++
		e.was = b.leave(p, e.w)
		e.was.Moved = true
		e.begun = q.left
		q.where[e.w] = place{nil, q.insert(e)}
		b.Queue.Enter()
		for _, g := range b.serve(false) {
			if g.w == e.w {
				g.was.Backend-- // it has not waited there
			}
			grants = append(grants, g)
		}
	}
	q.mu.Unlock()
	s.moved(b, moved)
	deliver(grants)
	return moved
}

// waiting are those who wait for s, in their order.
func (q *queues) waiting(s *Server) (list []entry) {
	l := q.own[s]
	if l == nil {
		return nil
	}
	for el := l.Front(); el != nil; el = el.Next() {
		list = append(list, el.Value.(entry))
	}
	return list
}

// insert puts an entry into the common queue by its age.
func (q *queues) insert(e entry) *list.Element {
	for el := q.any.Back(); el != nil; el = el.Prev() {
		if el.Value.(entry).seq < e.seq {
			return q.any.InsertAfter(e, el)
		}
	}
	return q.any.PushFront(e)
}

func deliver(grants []grant) {
	for _, g := range grants {
		g.w.Granted(g.s, g.was)
	}
}
