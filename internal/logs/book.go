package logs

import (
	"context"
	"slices"
)

// A book is a ring section at work: its memory and what reads it. It belongs to
// the writer, the store apart.
type book struct {
	sec      *Section
	store    *store
	file     *backing
	forwards []*forwarder
}

// openBook makes the memory of a section; what reads it is started by serve.
func openBook(sec *Section) (*book, error) {
	b := &book{sec: sec}
	if sec.File == "" {
		b.store = newStore(make([]byte, sec.Size))
		return b, nil
	}
	var err error
	if b.file, err = openBacking(sec.File, sec.Size); err != nil {
		return nil, err
	}
	b.store = newStore(b.file.mem)
	return b, nil
}

// become takes over what a reload says of the section, as long as it has the same
// file; lines that are kept stay.
func (b *book) become(ctx context.Context, h *Hub, sec *Section) {
	if sec.Size != b.sec.Size {
		b.store.resize(make([]byte, sec.Size))
	}
	same := sec.Connect == b.sec.Connect && sec.Wait == b.sec.Wait
	b.sec = sec
	b.forwards = slices.DeleteFunc(b.forwards, func(f *forwarder) bool {
		if same && slices.Contains(sec.Servers, f.server) {
			return false
		}
		f.stop()
		return true
	})
	b.serve(ctx, h)
}

// serve starts the forwarders that are missing; none before the hub runs.
func (b *book) serve(ctx context.Context, h *Hub) {
	if ctx == nil {
		return
	}
	for _, s := range b.sec.Servers {
		if !slices.ContainsFunc(b.forwards, func(f *forwarder) bool { return f.server == s }) {
			b.forwards = append(b.forwards, forward(ctx, h, b.store, b.sec, s))
		}
	}
}

// close ends what reads, and waits until it has said its last words.
func (b *book) close() {
	for _, f := range b.forwards {
		f.stop()
	}
	for _, f := range b.forwards {
		<-f.done
	}
	if b.file != nil {
		b.file.close()
	}
}

// RingNames are the ring sections in force with their descriptions, by name.
func (h *Hub) RingNames() (names, texts []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.stores {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		texts = append(texts, h.texts[name])
	}
	return names, texts
}

// Follow gives a reader of a ring section, nil if there is none of that name. fresh
// leaves out what is there already. Close ends it.
func (h *Hub) Follow(name string, fresh bool) *Reader {
	h.mu.Lock()
	st := h.stores[name]
	h.mu.Unlock()
	if st == nil {
		return nil
	}
	r := &Reader{store: st, woken: st.wake()}
	if fresh {
		r.next = st.end()
	}
	return r
}

// A Reader reads a ring section for one goroutine.
type Reader struct {
	store *store
	woken chan struct{}
	next  uint64
}

// Append appends the lines that have come since the last call, as many as make
// some 64 KiB.
func (r *Reader) Append(dst []byte) []byte {
	most := len(dst) + forwardBatch
	r.next, _ = r.store.read(r.next, func(line []byte) bool {
		dst = append(dst, line...)
		return len(dst) < most
	})
	return dst
}

// Wait returns when there may be more, false when ctx ends.
func (r *Reader) Wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.woken:
		return true
	}
}

// Close gives the reader back.
func (r *Reader) Close() { r.store.forget(r.woken) }
