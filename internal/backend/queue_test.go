package backend

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestFullServersAreQueuedFor(t *testing.T) {
	b := New(proxy(2, cookies, slots(1)), Env{})
	one, two := b.Pick(&Args{}).Srv, b.Pick(&Args{}).Srv
	if one == two {
		t.Fatalf("two streams in one slot of %s", one.Name)
	}
	if c := b.Pick(&Args{}); !c.Full || c.Srv != nil || c.Wait != nil {
		t.Fatalf("balanced: got %+v, want to wait for any", c)
	}
	if c := b.Pick(&Args{Cookie: []byte("c2")}); !c.Full || c.Srv != nil || c.Wait != two || !c.Direct {
		t.Fatalf("by cookie: got %+v, want to wait for s2", c)
	}
	var any1, own2, any3 waiter
	for i, w := range []*waiter{&any1, &own2, &any3} {
		srv := []*Server{nil, two, nil}[i]
		if pos, ok := b.Enqueue(srv, w); !ok || pos != []int{0, 0, 1}[i] {
			t.Errorf("waiter %d: pos %d, ok %t", i, pos, ok)
		}
	}
	if b.Queue.Cur() != 2 || two.Queue.Cur() != 1 {
		t.Errorf("queues of %d and %d", b.Queue.Cur(), two.Queue.Cur())
	}
	two.Release(0) // the oldest that two may serve
	if got := any1.grants(); len(got) != 1 || got[0] != two {
		t.Fatalf("first in: %v", got)
	}
	two.Release(0)
	if got := own2.grants(); len(got) != 1 || got[0] != two {
		t.Fatalf("second in: %v", got)
	}
	if got := two.Counters.Sum(LBTotal); got != 1 {
		t.Errorf("balanced to s2 %d times, want 1: what a server takes from the queue was not balanced, as HAProxy counts", got)
	}
	if two.Cur.Cur() != 1 || two.Cur.Max() != 1 {
		t.Errorf("a slot was freed and retaken: %d, at most %d", two.Cur.Cur(), two.Cur.Max())
	}
	for i, w := range []*waiter{&any3, &any3, &any1} {
		if _, ok := b.Dequeue(w); ok != (i == 0) {
			t.Errorf("%d: only a waiting stream can leave, once", i)
		}
	}
	one.Release(0)
	two.Release(0)
	if one.Cur.Cur() != 0 || two.Cur.Cur() != 0 || b.Queue.Cur() != 0 || len(any3.grants()) != 0 {
		t.Errorf("left over: %d %d %d", one.Cur.Cur(), two.Cur.Cur(), b.Queue.Cur())
	}
}

func TestMaxqueueRefuses(t *testing.T) {
	p := proxy(1, slots(1))
	p.Servers[0].MaxQueue = 1
	b := New(p, Env{})
	srv := b.Pick(&Args{}).Srv
	var one, two waiter
	if _, ok := b.Enqueue(srv, &one); !ok {
		t.Error("first refused")
	}
	if _, ok := b.Enqueue(srv, &two); ok {
		t.Error("second taken")
	}
}

func TestEnqueueTakesASlotThatIsFree(t *testing.T) {
	b := New(proxy(1, slots(1)), Env{})
	srv := b.Pick(&Args{}).Srv
	if c := b.Pick(&Args{}); !c.Full {
		t.Fatalf("got %+v", c)
	}
	srv.Release(0) // before the stream gets to the queue
	var w waiter
	b.Enqueue(nil, &w)
	if got := w.grants(); len(got) != 1 || got[0] != srv {
		t.Errorf("got %v", got)
	}
}

func TestStreamsOfALostServerWaitForAnother(t *testing.T) {
	bubble(t, proxy(2, cookies, slots(1)), Env{}, func(t *testing.T, b *Backend) {
		one, two := b.Server("s1"), b.Server("s2")
		b.Pick(&Args{})
		b.Pick(&Args{})
		var own, other waiter
		b.Enqueue(one, &own)
		b.Enqueue(nil, &other)
		order(t, b, "s1", Maint)
		if one.Queue.Cur() != 0 || b.Queue.Cur() != 2 {
			t.Fatalf("queues of %d and %d", one.Queue.Cur(), b.Queue.Cur())
		}
		one.Release(0)
		if len(own.grants())+len(other.grants()) != 0 {
			t.Fatal("a server in maintenance served")
		}
		two.Release(0)
		if got := own.grants(); len(got) != 1 || got[0] != two {
			t.Errorf("the oldest got %v", got)
		}
		order(t, b, "s2", Maint)
		if c := b.Pick(&Args{}); c.Srv != nil || c.Full {
			t.Errorf("with no server left: got %+v", c)
		}
		if len(other.grants()) != 0 || b.Queue.Cur() != 1 {
			t.Error("who waits already keeps waiting for a server to come back")
		}
		order(t, b, "s1", Ready)
		if got := other.grants(); len(got) != 1 || got[0] != one {
			t.Errorf("it came back: got %v", got)
		}
	})
}

func TestAServerThatComesBackServesTheQueue(t *testing.T) {
	bubble(t, proxy(2, slots(1)), Env{}, func(t *testing.T, b *Backend) {
		order(t, b, "s2", Maint)
		b.Pick(&Args{})
		var w waiter
		b.Enqueue(nil, &w)
		order(t, b, "s2", Ready)
		if got := w.grants(); len(got) != 1 || got[0].Name != "s2" {
			t.Errorf("got %v", got)
		}
	})
}

// A pass is a stream that holds its slot until it is told.
type pass chan *Server

func (p pass) Granted(s *Server, _ Position) { p <- s }

func TestSlotsAreNeverExceededNorLost(t *testing.T) {
	const limit, loops, each = 3, 8, 2000
	b := New(proxy(2, cookies, slots(limit)), Env{Loops: loops})
	var inside [2]atomic.Int64
	var all sync.WaitGroup
	for loop := range loops {
		all.Go(func() {
			for i := range each {
				a := Args{Loop: loop}
				if i%3 == 0 {
					a.Cookie = []byte("c1")
				}
				c := b.Pick(&a)
				if c.Full {
					p := make(pass, 1)
					b.Enqueue(c.Wait, p)
					if i%5 == 0 {
						if _, ok := b.Dequeue(p); ok {
							continue
						}
					}
					c.Srv = <-p
				}
				n := &inside[c.Srv.ID()-1]
				if n.Add(1) > limit {
					t.Errorf("%d streams on %s", n.Load(), c.Srv.Name)
				}
				n.Add(-1)
				c.Srv.Release(loop)
			}
		})
	}
	all.Wait()
	for _, s := range b.Servers() {
		if s.Cur.Cur() != 0 || s.Queue.Cur() != 0 || b.Queue.Cur() != 0 || s.Cur.Max() > limit {
			t.Errorf("%s: %d slots, %d waiting, at most %d", s.Name, s.Cur.Cur(), s.Queue.Cur(), s.Cur.Max())
		}
	}
}
