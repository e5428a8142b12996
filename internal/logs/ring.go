package logs

import "sync/atomic"

// The memory of one loop's ring. At 100,000 lines of 200 bytes a second the
// writer, which comes every 10 ms, finds 1,000 lines and 200 KB: this is ten
// times as much, for moments when the writer gets no processor.
const (
	ringBytes = 2 << 20
	ringLines = 8192
)

// A Ring takes the lines of one loop. Only that loop calls Line; it never
// waits: a line that finds no room is dropped and counted.
type Ring struct {
	hub     *Hub
	bytes   []byte
	lines   []entry
	head    atomic.Uint64 // lines ever put
	tail    atomic.Uint64 // lines ever taken
	freed   atomic.Uint64 // bytes ever taken, gaps at the end included
	put     uint64        // bytes ever put, gaps included; the loop's own
	dropped atomic.Uint64
}

type entry struct {
	targets []*Target
	level   int
	off     int
	data    int    // bytes of structured data in front of the line
	size    int    // of both
	next    uint64 // value of freed once this line is written
}

// Line hands a line over; it is copied. Targets that this level does not reach
// do not get it.
func (r *Ring) Line(targets []*Target, level int, line []byte) { r.LineWith(targets, level, 0, line) }

// LineWith is Line; the first bytes, data of them, are the structured data of
// RFC 5424, which only targets of that format get.
func (r *Ring) LineWith(targets []*Target, level, data int, line []byte) {
	if !wanted(targets, level) {
		return
	}
	if r.bytes == nil {
		r.bytes, r.lines = make([]byte, ringBytes), make([]entry, ringLines)
	}
	head := r.head.Load()
	off := int(r.put % ringBytes)
	start := r.put
	if off+len(line) > ringBytes { // lines are whole: leave the end unused
		start += uint64(ringBytes - off)
		off = 0
	}
	end := start + uint64(len(line))
	if head-r.tail.Load() == ringLines || end-r.freed.Load() > ringBytes {
		r.dropped.Add(1)
		return
	}
	copy(r.bytes[off:], line)
	r.lines[head%ringLines] = entry{targets, level, off, data, len(line), end}
	r.put = end
	r.head.Store(head + 1)
	r.hub.wakeUp()
}

// drain gives every waiting line to write, in order. Only the writer calls it.
func (r *Ring) drain(write func(targets []*Target, level int, data, line []byte)) (n int) {
	tail, head := r.tail.Load(), r.head.Load()
	for ; tail < head; tail++ {
		e := &r.lines[tail%ringLines]
		line := r.bytes[e.off : e.off+e.size]
		write(e.targets, e.level, line[:e.data], line[e.data:])
		next := e.next
		*e = entry{}
		r.freed.Store(next)
		r.tail.Store(tail + 1)
		n++
	}
	return n
}

func wanted(targets []*Target, level int) bool {
	for _, t := range targets {
		if level <= t.MinLevel {
			return true
		}
	}
	return false
}
