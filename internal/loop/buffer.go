package loop

// The sizes of the buffers for input and output that had to wait: a head that
// is not complete, a reply that the client does not take. Three sizes keep a
// thousand slow clients small and a large body in one piece.
var bufferSizes = [...]int{4 << 10, 16 << 10, scratchSize + framingRoom}

// framingRoom is for what is written around the bytes of one read, the size of
// a chunk and its end above all: without it a read of 64 KiB that nobody takes
// would hold 128.
const framingRoom = 4 << 10

// keepBuffers is how many free buffers of each size a loop keeps.
const keepBuffers = 64

// buffers is a loop's free list.
type buffers struct {
	free [len(bufferSizes)][][]byte
	held int64 // bytes of those that get has given and put has not taken back
}

// get returns an empty buffer with room for n bytes.
func (b *buffers) get(n int) []byte {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		b.held += int64(size)
		if k := len(b.free[i]); k > 0 {
			p := b.free[i][k-1]
			b.free[i] = b.free[i][:k-1]
			return p[:0]
		}
		return make([]byte, 0, size)
	}
	size := scratchSize
	for size < n { // or each read of a large head would copy all of it
		size *= 2
	}
	b.held += int64(size)
	return make([]byte, 0, size)
}

func (b *buffers) put(p []byte) {
	b.held -= int64(cap(p))
	for i, size := range bufferSizes {
		if cap(p) == size && len(b.free[i]) < keepBuffers {
			b.free[i] = append(b.free[i], p[:0])
			return
		}
	}
}

// A held is a buffer with a read position; the zero value is empty.
type held struct {
	p   []byte
	off int
}

func (h *held) len() int      { return len(h.p) - h.off }
func (h *held) bytes() []byte { return h.p[h.off:] }

// add appends q, in a larger buffer if needed.
func (h *held) add(b *buffers, q []byte) {
	if len(q) == 0 {
		return
	}
	if h.off > 0 && len(h.p)+len(q) > cap(h.p) {
		n := copy(h.p[:cap(h.p)], h.p[h.off:])
		h.p, h.off = h.p[:n], 0
	}
	if len(h.p)+len(q) > cap(h.p) {
		p := b.get(h.len() + len(q))
		p = append(p, h.bytes()...)
		b.put(h.p)
		h.p, h.off = p, 0
	}
	h.p = append(h.p, q...)
}

func (h *held) drop(b *buffers) {
	if h.p != nil {
		b.put(h.p)
	}
	h.p, h.off = nil, 0
}
