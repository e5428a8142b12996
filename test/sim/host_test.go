package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A host is a server: its machine, its process and what is wrong with them.
type host struct {
	w    *world
	name string
	port int

	mu sync.Mutex // mu guards the fields below: checks look at them from their own goroutines
	// up: the process runs. cut: no packet comes or goes. deaf: nobody accepts
	// connections, those that are open go on. frozen: the process does nothing,
	// its kernel takes connections and bytes. sick: it answers 500.
	up, cut, deaf, frozen, sick bool
	life                        int // counts starts
	slow                        time.Duration
	changed                     chan struct{} // closed when any of them changes
	checks                      uint64        // seed of the times of checks

	// Of the loop's goroutine:
	conns []*conn  // that it has not closed
	later []func() // what a frozen process does when it thaws
	held  []func() // packets behind a cut cable: sent again until they pass
	odd   int      // one in so many requests meets something odd; 0: none
	sour  bool     // it answers 500, but to checks
}

func newHost(w *world, i int) *host {
	return &host{w: w, name: fmt.Sprintf("s%d", i+1), port: port(i), up: true, changed: make(chan struct{}),
		checks: w.Uint64()}
}

// alter changes what is wrong, and wakes those who wait for it.
func (h *host) alter(f func()) {
	h.mu.Lock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
}

// kill ends the process: its kernel resets what is open.
func (h *host) kill() {
	if !h.up {
		return
	}
	h.alter(func() { h.up, h.frozen = false, false })
	h.later = nil
	for _, c := range slices.Clone(h.conns) {
		c.reset()
	}
	h.conns = nil
}

func (h *host) start() {
	if !h.up {
		h.alter(func() { h.up = true; h.life++ })
	}
}

// stop ends the process politely: it says goodbye on every connection.
func (h *host) stop() {
	if !h.up {
		return
	}
	h.alter(func() { h.up, h.frozen = false, false })
	h.later = nil
	for _, c := range slices.Clone(h.conns) {
		c.goodbye()
	}
	h.conns = nil
}

// thaw lets a frozen process do what has come meanwhile.
func (h *host) thaw() {
	if !h.frozen {
		return
	}
	h.alter(func() { h.frozen = false })
	list := h.later
	h.later = nil
	for _, f := range list {
		h.w.after(h.w.hop(), f)
	}
}

// join lets packets pass again.
func (h *host) join() {
	if !h.cut {
		return
	}
	h.alter(func() { h.cut = false })
	list := h.held
	h.held = nil
	for _, f := range list {
		f()
	}
}

// pass does f when a packet has come through the cable.
func (h *host) pass(f func()) {
	if h.cut {
		h.held = append(h.held, f)
		return
	}
	f()
}

// work does f in the process, after d of its time, unless it is killed.
func (h *host) work(d time.Duration, f func()) {
	life := h.life
	h.w.after(d+h.slow, func() {
		switch {
		case !h.up || h.life != life:
		case h.frozen:
			h.later = append(h.later, f)
		default:
			f()
		}
	})
}

// idleOut closes what no request has used for a while, as servers do.
func (h *host) idleOut() {
	for _, c := range slices.Clone(h.conns) {
		if c.at == nil {
			h.w.tell("%s closes an idle connection", h.name)
			c.goodbye()
		}
	}
}
