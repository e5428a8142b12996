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
	Granted(srv *Server)
}

// queues are the FIFO queues of a backend: one for each server, one for any.
// They are touched only when slots are short.
type queues struct {
	mu    sync.Mutex // mu guards the fields below.
	any   list.List
	own   map[*Server]*list.List
	where map[Waiter]place
	seq   uint64
}

type place struct {
	of *Server // nil: any
	el *list.Element
}

// An entry is one waiting stream; seq orders the queues among each other.
type entry struct {
	w   Waiter
	seq uint64
}

// A grant is a call of Granted that is due once the lock is given back.
type grant struct {
	w Waiter
	s *Server
}

func (q *queues) init() {
	q.own, q.where = map[*Server]*list.List{}, map[Waiter]place{}
}

// Enqueue lets w wait for a slot on srv, or on any server if srv is nil. pos is
// the number of streams before it. ok is false if the server's queue is full
// (maxqueue). Granted may be called before Enqueue returns.
func (b *Backend) Enqueue(srv *Server, w Waiter) (pos int, ok bool) {
	q := &b.line
	q.mu.Lock()
	l := &q.any
	gauge := &b.Queue
	if srv != nil {
		if l = q.own[srv]; l == nil {
			l = list.New()
			q.own[srv] = l
		}
		gauge = &srv.Queue
		if most := srv.Config().MaxQueue; most > 0 && l.Len() >= most {
			q.mu.Unlock()
			return 0, false
		}
	}
	pos = l.Len()
	q.seq++
	q.where[w] = place{srv, l.PushBack(entry{w, q.seq})}
	gauge.Enter()
	// A slot may have been given back since the stream found none.
	grants := b.serve()
	q.mu.Unlock()
	deliver(grants)
	return pos, true
}

// Dequeue takes w out of its queue; false: it was granted already, or Granted
// is being called.
func (b *Backend) Dequeue(w Waiter) bool {
	q := &b.line
	q.mu.Lock()
	defer q.mu.Unlock()
	p, waiting := q.where[w]
	if waiting {
		b.leave(p, w)
	}
	return waiting
}

// leave removes an entry; the lock is held.
func (b *Backend) leave(p place, w Waiter) {
	q := &b.line
	delete(q.where, w)
	if p.of == nil {
		q.any.Remove(p.el)
		b.Queue.Leave()
		return
	}
	l := q.own[p.of]
	l.Remove(p.el)
	if l.Len() == 0 {
		delete(q.own, p.of)
	}
	p.of.Queue.Leave()
}

// Release gives a slot back: to the stream that waits longest for it, or it
// becomes free.
func (s *Server) Release(loop int) {
	b := s.b
	if s.Queue.Cur() == 0 && b.Queue.Cur() == 0 {
		s.Cur.Leave()
		// A stream that found no slot may have begun to wait meanwhile.
		if s.Queue.Cur() > 0 || b.Queue.Cur() > 0 {
			b.wake()
		}
		return
	}
	b.pass(s)
}

// pass hands the slot that is being released to a waiting stream.
func (b *Backend) pass(s *Server) {
	q := &b.line
	q.mu.Lock()
	limit := s.MaxConn()
	w := b.nextFor(s)
	if w == nil || limit > 0 && s.Cur.Cur() > limit {
		s.Cur.Leave()
		grants := b.serve()
		q.mu.Unlock()
		deliver(grants)
		return
	}
	b.grant(w, s)
	q.mu.Unlock()
	w.Granted(s)
}

// grant takes w out of its queue; the lock is held. Who waited for any server
// has been balanced now.
func (b *Backend) grant(w Waiter, s *Server) {
	p := b.line.where[w]
	b.leave(p, w)
	if p.of == nil {
		outside := b.env.Loops // the counters' slot of no loop
		s.Counters.Add(outside, LBTotal, 1)
		b.Counters.Add(outside, LBTotal, 1)
	}
}

// nextFor is the stream that has waited longest of those that s may serve, nil
// if there is none; the lock is held.
func (b *Backend) nextFor(s *Server) Waiter {
	q := &b.line
	var first entry
	if l := q.own[s]; l != nil && s.State().Persists() {
		first = l.Front().Value.(entry)
	}
	if q.any.Len() > 0 && slices.Contains(b.snap.Load().usable, s) {
		if e := q.any.Front().Value.(entry); first.w == nil || e.seq < first.seq {
			first = e
		}
	}
	return first.w
}

// wake gives free slots to waiting streams.
func (b *Backend) wake() {
	b.line.mu.Lock()
	grants := b.serve()
	b.line.mu.Unlock()
	deliver(grants)
}

// serve gives every free slot away; the lock is held. When the last server goes
// down, those who wait keep waiting: one may come back before timeout queue.
func (b *Backend) serve() (grants []grant) {
	q := &b.line
	if len(q.where) == 0 {
		return nil
	}
	sn := b.snap.Load()
	for _, s := range sn.Servers {
		for w := b.nextFor(s); w != nil && s.Cur.EnterBelow(s.MaxConn()); w = b.nextFor(s) {
			b.grant(w, s)
			grants = append(grants, grant{w, s})
		}
	}
	return grants
}

// redistribute lets those who wait for s wait for any server instead, each in
// its old place, and returns how many there were.
func (b *Backend) redistribute(s *Server) (moved int) {
	q := &b.line
	q.mu.Lock()
	for l := q.own[s]; l != nil && l.Len() > 0; moved++ {
		e := l.Front().Value.(entry)
		b.leave(q.where[e.w], e.w)
		q.where[e.w] = place{nil, q.insert(e)}
		b.Queue.Enter()
	}
	grants := b.serve()
	q.mu.Unlock()
	deliver(grants)
	return moved
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
		g.w.Granted(g.s)
	}
}
