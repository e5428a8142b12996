package events

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Kept is how many events a process keeps: a failover of two hundred servers
	// and back, in some 300 KiB.
	Kept = 1024
	// maxText bounds the text of one: the errors of a refused file can be long.
	maxText = 1024
)

// A Ring keeps the newest events. All methods are for any goroutine, and all
// but Add and Subscribe for a nil Ring, which has no events.
type Ring struct {
	mu      sync.Mutex // guards the fields below
	list    []Event    // of the last events, the one with ID n at (n-1) % len
	last    uint64     // ID of the newest
	changed chan struct{}

	followers atomic.Int64
}

// New makes a ring of n events, 0: of Kept.
func New(n int) *Ring {
	if n <= 0 {
		n = Kept
	}
	return &Ring{list: make([]Event, n), changed: make(chan struct{})}
}

// Add takes an event in, numbers it, and dates it if it has no time. It never blocks.
func (r *Ring) Add(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Text = line(e.Text); len(e.Text) > maxText {
		e.Text = e.Text[:maxText]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	e.ID = r.last
	r.list[(e.ID-1)%uint64(len(r.list))] = e
	close(r.changed)
	r.changed = make(chan struct{})
}

// Follow counts one who looks on until leave is called.
func (r *Ring) Follow() (leave func()) {
	if r == nil {
		return func() {}
	}
	r.followers.Add(1)
	return func() { r.followers.Add(-1) }
}

// Followers is how many look on.
func (r *Ring) Followers() int64 {
	if r == nil {
		return 0
	}
	return r.followers.Load()
}

// Last is the ID of the newest event, 0: there is none yet.
func (r *Ring) Last() uint64 {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Since returns the events with IDs above since, oldest first. Of those that are
// not kept any more the IDs are missing: the first is then not since+1.
func (r *Ring) Since(since uint64) []Event {
	if r == nil {
		return nil
	}
	list, _ := r.since(since)
	return list
}

// since also returns what is closed by the next event.
func (r *Ring) since(since uint64) ([]Event, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := uint64(len(r.list)); r.last > n {
		since = max(since, r.last-n)
	}
	var list []Event
	for id := since + 1; id <= r.last; id++ {
		list = append(list, r.list[(id-1)%uint64(len(r.list))])
	}
	return list, r.changed
}

// Wait returns the events with IDs above since as soon as there are any, or nil
// when ctx ends.
func (r *Ring) Wait(ctx context.Context, since uint64) []Event {
	for {
		list, changed := r.since(since)
		if len(list) > 0 {
			return list
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// Subscribe yields the events with IDs above since, and then each as it happens,
// until ctx ends. Who reads slower than the ring turns misses events and sees so
// by their IDs.
func (r *Ring) Subscribe(ctx context.Context, since uint64) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for list := r.Wait(ctx, since); list != nil; list = r.Wait(ctx, since) {
			for _, e := range list {
				if !yield(e) {
					return
				}
				since = e.ID
			}
		}
	}
}
