package logs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what stands in the headers of lines.
type Options struct {
	Tag      string // log-tag; "": haproxy
	Hostname string // log-send-hostname; "": none is sent
	PID      int
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // of what goes wrong here; nil: nowhere
}

// A Hub owns the rings and the sinks of a process. One goroutine, started by
// Run, writes; loops and others only hand lines over.
type Hub struct {
	opts     Options
	rings    []*Ring
	asleep   atomic.Bool
	wake     chan struct{} // holds one token
	mu       sync.Mutex    // guards the fields below
	waiting  []waitingLine
	held     int // bytes in waiting
	wantList []*Target
	stores   map[string]*store // of ring sections, by name
	texts    map[string]string
	applied  bool
	dropped  atomic.Uint64
	failed   error            // of a ring's file, as the hub was made
	sinks    map[string]*sink // by address; the writer's own
	serving  context.Context  // of the forwarders; nil before Run
	header   header
}

// NewHub makes a hub for so many loops; nothing is written before Run.
func NewHub(targets []*Target, loops int, opts Options) *Hub {
	if opts.Tag == "" {
		opts.Tag = "haproxy"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{opts: opts, wake: make(chan struct{}, 1), sinks: make(map[string]*sink)}
	for range loops {
		h.rings = append(h.rings, &Ring{hub: h})
	}
	h.header.opts = opts
	h.wantList = targets
	h.open()
	return h
}

// Err is why a ring has no file at the start; nil: all is well.
func (h *Hub) Err() error { return h.failed }

// Ring is the ring of a loop.
func (h *Hub) Ring(loop int) *Ring { return h.rings[loop] }

// Dropped counts the lines that were lost: no room, no receiver, or a receiver
// that is too slow. HAProxy calls it DroppedLogs.
func (h *Hub) Dropped() uint64 {
	n := h.dropped.Load()
	for _, r := range h.rings {
		n += r.dropped.Load()
	}
	return n
}

// DroppedBy counts the lines of one loop that found no room in its ring; it is a
// part of Dropped.
func (h *Hub) DroppedBy(loop int) uint64 { return h.rings[loop].dropped.Load() }

// Apply opens the sockets of these targets and closes those of others, as a
// reload needs it. Lines under way to a target that went away still reach it.
func (h *Hub) Apply(targets []*Target) {
	h.mu.Lock()
	h.wantList, h.applied = targets, true
	h.mu.Unlock()
	h.wakeUp()
}

// The bounds of Log: lines of goroutines are few, but a receiver that is away
// must not make them pile up.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 1 << 20
)

type waitingLine struct {
	targets []*Target
	level   int
	text    string
}

// Log hands over a line from a goroutine that is no loop. It never waits for a
// receiver.
func (h *Hub) Log(targets []*Target, level int, text string) {
	if !wanted(targets, level) {
		return
	}
	h.mu.Lock()
	if len(h.waiting) == maxWaiting || h.held+len(text) > maxWaitingBytes {
		h.mu.Unlock()
		h.dropped.Add(1)
		return
	}
	h.waiting = append(h.waiting, waitingLine{targets, level, text})
	h.held += len(text)
	h.mu.Unlock()
	h.wakeUp()
}

// wakeUp costs one atomic read while the writer is awake.
func (h *Hub) wakeUp() {
	if h.asleep.Load() && h.asleep.CompareAndSwap(true, false) {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

// pause is how long lines gather before they are written together: short
// enough for a person who watches, long enough for a batch.
const pause = 10 * time.Millisecond

// Run writes until ctx ends, then writes what is left and closes the sinks.
func (h *Hub) Run(ctx context.Context) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	h.serving = context.Background() // each is stopped when its sink is closed, behind the last lines
	for _, s := range h.sinks {
		s.serve()
	}
	for ctx.Err() == nil {
		if h.turn() > 0 {
			timer.Reset(pause)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			continue
		}
		h.asleep.Store(true)
		if h.turn() > 0 { // a line came before it could see that the writer sleeps
			h.asleep.Store(false)
			continue
		}
		select {
		case <-ctx.Done():
		case <-h.wake:
		}
		h.asleep.Store(false)
	}
	h.turn()
	for _, s := range h.sinks {
		s.close()
	}
}

// turn writes everything that waits.
func (h *Hub) turn() (n int) {
	h.header.setTime(h.opts.Now())
	h.mu.Lock()
	waiting := h.waiting
	h.waiting, h.held = nil, 0
	applied := h.applied
	h.applied = false
	h.mu.Unlock()
	for _, w := range waiting {
		h.write(w.targets, w.level, nil, []byte(w.text))
	}
	n = len(waiting)
	for _, r := range h.rings {
		n += r.drain(h.write)
	}
	for _, s := range h.sinks {
		s.flush()
	}
	if applied {
		h.open()
	}
	return n
}

// write puts a line into the sinks of its targets; data is its structured data.
func (h *Hub) write(targets []*Target, level int, data, line []byte) {
	for _, t := range targets {
		if level > t.MinLevel || !t.Sample.takes() {
			continue
		}
		s := h.sinks[t.Addr]
		if s == nil {
			s = newSink(t, h)
			h.sinks[t.Addr] = s
		}
		at := s.begin(t.Len)
		s.batch = h.header.append(s.batch, t, max(level, t.MaxLevel), data)
		room := t.Len - (len(s.batch) - at) - 1
		s.batch = append(s.batch, line[:max(0, min(len(line), room))]...)
		s.batch = append(s.batch, '\n')
		s.end(at)
	}
}

// open brings the sinks in line with the wanted targets.
func (h *Hub) open() {
	h.mu.Lock()
	list := h.wantList
	h.mu.Unlock()
	keep := make(map[string]bool, len(list))
	for _, t := range list {
		keep[t.Addr] = true
		s := h.sinks[t.Addr]
		if s != nil && s.book != nil && t.Ring.File == s.book.sec.File && (t.Ring.File == "" || t.Ring.Size == s.book.sec.Size) {
			if t.Ring != s.book.sec {
				s.book.become(h.serving, h, t.Ring)
			}
			continue
		}
		if s != nil && s.book != nil {
			s.close()
			s = nil
		}
		if s == nil {
			h.sinks[t.Addr] = newSink(t, h)
		}
	}
	for addr, s := range h.sinks {
		if !keep[addr] {
			s.close()
			delete(h.sinks, addr)
		}
	}
	h.listRings()
}

// listRings notes the rings for those who read them.
func (h *Hub) listRings() {
	stores, texts := map[string]*store{}, map[string]string{}
	for addr, s := range h.sinks {
		if s.book != nil {
			name := strings.TrimPrefix(addr, RingPrefix)
			stores[name], texts[name] = s.book.store, s.book.sec.Text
		}
	}
	h.mu.Lock()
	h.stores, h.texts = stores, texts
	h.mu.Unlock()
}
