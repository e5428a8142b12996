package loop

import (
	"container/heap"
	"container/list"
	"net/netip"
	"sync"
)

// What handshakes with clients may cost, whoever the clients are. A server with
// a certificate works for its clients before it knows who they are, so who sends
// many handshakes must not be felt by others: not in their turns, and not by the
// memory that is left.
//
// Turns go round the sources, an IPv4 address or an IPv6 /64: a source with a
// thousand handshakes gets as many as one with two. Those under way are bounded
// in two stages, and one more than may be there costs the source with most its
// oldest. So one source alone can have all places, as a balancer in front of
// this one has, or a town behind one address, and has to give them to others who
// come. A fixed number for each source would do the same work for less code, and
// would have to be smaller than what such an address needs. The oldest goes, not
// the newest: it has most likely been given up, and whoever is served has not
// waited long.
const (
	// maxWaiting is how many have not begun: silent ones, with a part of a
	// ClientHello, or with a whole one for which no turn has come. 2 KiB each as a
	// rule, and 18 KiB with the largest ClientHello.
	maxWaiting = 4096
	// maxBegun is how many have begun and wait for their clients, some 20 KiB each.
	// It is more than the fastest signatures make in a quarter of a second.
	maxBegun = 2048
)

// The stages of a handshake.
const (
	waiting = iota
	begun
	stages
)

// turns is who computes and who waits for it.
type turns struct {
	mu      sync.Mutex // guards all below, and the places of handshakes
	free    int        // tokens
	again   []chan struct{}
	sources map[netip.Addr]*source
	next    list.List // of *source with somebody ready, in the order of their turns
	crowds  [stages]crowd
	order   int64 // of the place that was given last
	ended   int64 // handshakes that gave their place to others
}

// A source is where handshakes come from. It is forgotten with the last of them.
type source struct {
	addr  netip.Addr
	shake [stages]list.List // of *handshake, the oldest first
	index [stages]int       // in the crowds; -1: not there
	ready list.List         // of those that wait, with a whole ClientHello
	turn  *list.Element     // in next; nil: nobody is ready
}

// sourceOf is who counts as one source: neighbours in IPv6 are one customer.
func sourceOf(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		p, _ := a.WithZone("").Prefix(64) // fits each address of IPv6
		return p.Addr()
	}
	return a
}

// A place is where a handshake stands in the lines.
type place struct {
	of    *source       // nil: nowhere
	stage int           // of of.shake
	at    *list.Element // there
	order int64         // of all places, the lower the older
	ready *list.Element // in of.ready; nil: not there
}

// enter gives h a place among those that wait.
func (t *turns) enter(h *handshake, from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	addr := sourceOf(from)
	s := t.sources[addr]
	if s == nil {
		s = &source{addr: addr, index: [stages]int{-1, -1}}
	}
	t.put(h, s, waiting)
}

// leastMost is how many may be in a stage however few connections there may be.
const leastMost = 64

func (t *turns) among(conns int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.crowds[waiting].most = min(max(conns/2, leastMost), maxWaiting)
	t.crowds[begun].most = min(max(conns/4, leastMost), maxBegun)
}

// put gives h a place, and takes one from the source with most if there are too many.
func (t *turns) put(h *handshake, s *source, stage int) {
	t.sources[s.addr] = s
	t.order++
	h.place = place{of: s, stage: stage, at: s.shake[stage].PushBack(h), order: t.order}
	c := &t.crowds[stage]
	c.changed(s)
	if c.n++; c.n <= c.most {
		return
	}
	v := c.sources[0].shake[stage].Front().Value.(*handshake)
	t.leave(v)
	t.ended++
	v.s.c.l.Post(func() { v.finish(ErrHandshakeCrowded) })
}

// leave takes h out of the lines, if it is there.
func (t *turns) leave(h *handshake) {
	s, stage := h.place.of, h.place.stage
	if s == nil {
		return
	}
	t.unready(h)
	s.shake[stage].Remove(h.place.at)
	h.place = place{}
	c := &t.crowds[stage]
	c.n--
	c.changed(s)
	if s.shake[waiting].Len()+s.shake[begun].Len() == 0 {
		delete(t.sources, s.addr)
	}
}

func (t *turns) unready(h *handshake) {
	s := h.place.of
	if h.place.ready == nil {
		return
	}
	s.ready.Remove(h.place.ready)
	h.place.ready = nil
	if s.ready.Len() == 0 {
		t.next.Remove(s.turn)
		s.turn = nil
	}
}

// gone is leave for others than turns.
func (t *turns) gone(h *handshake) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(h)
}

// ready has h, whose ClientHello is whole, wait for its turn.
func (t *turns) ready(h *handshake) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := h.place.of
	if s == nil { // its place was taken
		return
	}
	h.place.ready = s.ready.PushBack(h)
	if s.turn == nil {
		s.turn = t.next.PushBack(s)
	}
	t.grant()
}

// grant gives tokens that are free: first to those that have begun, whose work is
// then done, and to those with servers, then to one of each source in turn.
func (t *turns) grant() {
	for t.free > 0 {
		if len(t.again) > 0 {
			close(t.again[0])
			t.again = t.again[1:]
			t.free--
			continue
		}
		e := t.next.Front()
		if e == nil {
			return
		}
		t.next.MoveToBack(e)
		s := e.Value.(*source)
		h := s.ready.Front().Value.(*handshake)
		t.leave(h)
		t.put(h, s, begun)
		t.free--
		h.begin()
	}
}

// take takes a token, or waits for one.
func (t *turns) take() {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return
	}
	turn := make(chan struct{})
	t.again = append(t.again, turn)
	t.mu.Unlock()
	<-turn
}

// give gives a token back.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.grant()
}

// A crowd is the sources with handshakes in a stage, the one with most first, and of
// those with the same number the one whose oldest is the oldest.
type crowd struct {
	stage   int
	most    int // handshakes that may be there
	n       int // that are there
	sources []*source
}

// changed puts s where it belongs.
func (c *crowd) changed(s *source) {
	switch in, some := s.index[c.stage] >= 0, s.shake[c.stage].Len() > 0; {
	case in && some:
		heap.Fix(c, s.index[c.stage])
	case in:
		heap.Remove(c, s.index[c.stage])
	case some:
		heap.Push(c, s)
	}
}

// Len, Less, Swap, Push and Pop are heap.Interface.

func (c *crowd) Len() int { return len(c.sources) }

// Less see Len.
func (c *crowd) Less(i, j int) bool {
	a, b := &c.sources[i].shake[c.stage], &c.sources[j].shake[c.stage]
	if a.Len() != b.Len() {
		return a.Len() > b.Len()
	}
	return a.Front().Value.(*handshake).place.order < b.Front().Value.(*handshake).place.order
}

// Swap see Len.
func (c *crowd) Swap(i, j int) {
	c.sources[i], c.sources[j] = c.sources[j], c.sources[i]
	c.sources[i].index[c.stage], c.sources[j].index[c.stage] = i, j
}

// Push see Len.
func (c *crowd) Push(s any) {
	s.(*source).index[c.stage] = len(c.sources)
	c.sources = append(c.sources, s.(*source))
}

// Pop see Len.
func (c *crowd) Pop() any {
	last := len(c.sources) - 1
	s := c.sources[last]
	c.sources[last] = nil
	c.sources, s.index[c.stage] = c.sources[:last], -1
	return s
}
