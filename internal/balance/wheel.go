package balance

import (
	"container/heap"
	"slices"
)

// A wheel deals turns to weighted servers as HAProxy's fair weighted round robin
// does. Positions count turns. A server is due at its position and then again
// total/weight later, the remainder being carried; a window is total turns long,
// and a server whose next turn lies past it waits for the next window.
type wheel struct {
	total  int // sum of the weights, and the length of a window
	now    int // position of the next turn
	order  int // counts insertions: equal ranks are served in this order
	due    turns
	fresh  turns // not yet served in this window
	behind turns // served out in this window
}

// A turn is one server's place in a queue.
type turn struct {
	server, weight int
	at             int // position at which it is due
	carry          int // remainder of total/weight kept so far
	rank, order    int
}

// newWheel begins with the first window; weights of 0 and less take no part.
func newWheel(weights []int) *wheel {
	g := &wheel{}
	for i, w := range weights {
		if w > 0 {
			g.total += w
			g.push(&g.fresh, &turn{server: i, weight: w}, maxEffective-w)
		}
	}
	g.now = g.total
	return g
}

// next is the server whose turn it is. There must be one.
func (g *wheel) next() int {
	t := g.take()
	t.at += g.total / t.weight
	t.carry += g.total % t.weight
	if t.carry >= t.weight {
		t.carry -= t.weight
		t.at++
	}
	g.now++
	if t.at >= 2*g.total {
		g.push(&g.behind, t, maxEffective-t.weight)
	} else {
		// Among servers due at one position the heavier goes first, and one
		// with less remainder before one with more.
		g.push(&g.due, t, MaxWeight*t.at+(maxEffective+t.carry-t.weight)/WeightScale)
	}
	return t.server
}

// take removes the server to serve now: one that is due, else one not served yet,
// else the next one due. When all are served out a new window begins.
func (g *wheel) take() *turn {
	if len(g.due) == 0 && len(g.fresh) == 0 {
		g.fresh, g.behind = g.behind, g.fresh
		g.now = g.total
	}
	if len(g.due) > 0 && (g.due[0].at <= g.now || len(g.fresh) == 0) {
		return heap.Pop(&g.due).(*turn)
	}
	t := heap.Pop(&g.fresh).(*turn)
	t.at, t.carry = g.now, 0
	return t
}

// atStart says that the next window will be as the first one was: servers of one
// weight are served out in the order of the file.
func (g *wheel) atStart() bool {
	if len(g.due) > 0 || len(g.fresh) > 0 {
		return false
	}
	last := make(map[int]int) // by weight, the insertion of the last server seen
	byServer := func(a, b *turn) int { return a.server - b.server }
	for _, t := range slices.SortedFunc(slices.Values(g.behind), byServer) {
		if t.order < last[t.weight] {
			return false
		}
		last[t.weight] = t.order
	}
	return true
}

func (g *wheel) push(q *turns, t *turn, rank int) {
	g.order++
	t.rank, t.order = rank, g.order
	heap.Push(q, t)
}

// turns is a heap by rank, then order.
type turns []*turn

func (q turns) Len() int { return len(q) }
func (q turns) Less(i, j int) bool {
	return q[i].rank < q[j].rank || q[i].rank == q[j].rank && q[i].order < q[j].order
}
func (q turns) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *turns) Push(t any)   { *q = append(*q, t.(*turn)) }
func (q *turns) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	*q = (*q)[:last]
	return t
}
