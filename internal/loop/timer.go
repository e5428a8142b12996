package loop

import (
	"time"
	"unsafe"
)

// A Timer calls a function at a deadline, on the loop. Moving a deadline
// later costs nothing: the entry stays where it is and is put back when it
// fires too early. The zero value is not armed.
type Timer struct {
	deadline // first, see there
	f        func()
}

// A deadline is what the heap holds. It is the first field of a Timer, or of a
// Conn, so that whose it is costs no pointer.
type deadline struct {
	at    int64 // 0: none
	armed int64 // where the entry stands in the heap; valid if pos > 0
	pos   int32 // index in the heap plus one; 0: not in it
	conn  bool  // of a Conn
}

// ofConn is the connection whose deadline d is, or nil.
func (d *deadline) ofConn() *Conn {
	if !d.conn {
		return nil
	}
	return (*Conn)(unsafe.Pointer(d))
}

// ofTimer is the timer whose deadline d is; it must not be a connection's.
func (d *deadline) ofTimer() *Timer { return (*Timer)(unsafe.Pointer(d)) }

// Timer makes a timer that calls f.
func (l *Loop) Timer(f func()) *Timer { return &Timer{f: f} }

// SetTimer moves the deadline of t to d from now.
func (l *Loop) SetTimer(t *Timer, d time.Duration) { l.timers.set(&t.deadline, l.now+int64(d)) }

// StopTimer takes the deadline away.
func (l *Loop) StopTimer(t *Timer) { t.at = 0 }

// timers is a binary heap by armed. Entries are lazy: see Timer.
type timers struct {
	heap []*deadline
}

func (ts *timers) set(t *deadline, at int64) {
	t.at = at
	if t.pos == 0 {
		t.armed = at
		ts.heap = append(ts.heap, t)
		t.pos = int32(len(ts.heap))
		ts.up(len(ts.heap) - 1)
		return
	}
	if at < t.armed {
		t.armed = at
		ts.up(int(t.pos) - 1)
	}
}

// next removes and returns a timer whose deadline passed, or nil.
func (ts *timers) next(now int64) *deadline {
	for len(ts.heap) > 0 {
		t := ts.heap[0]
		if t.armed > now {
			return nil
		}
		if t.at == 0 {
			ts.remove(t)
			continue
		}
		if t.at > now {
			t.armed = t.at
			ts.down(0)
			continue
		}
		t.at = 0
		ts.remove(t)
		return t
	}
	return nil
}

// wait is how long the loop may sleep, in milliseconds, rounded up.
func (ts *timers) wait(now int64) int {
	if len(ts.heap) == 0 {
		return idleTurn
	}
	d := ts.heap[0].armed - now
	if d <= 0 {
		return 0
	}
	ms := (d + int64(time.Millisecond) - 1) / int64(time.Millisecond)
	return int(min(ms, idleTurn))
}

func (ts *timers) remove(t *deadline) {
	if t.pos == 0 {
		return
	}
	i, last := int(t.pos)-1, len(ts.heap)-1
	ts.swap(i, last)
	ts.heap[last] = nil
	ts.heap = ts.heap[:last]
	t.pos = 0
	if i < last {
		ts.down(i)
		ts.up(i)
	}
}

func (ts *timers) swap(i, j int) {
	ts.heap[i], ts.heap[j] = ts.heap[j], ts.heap[i]
	ts.heap[i].pos = int32(i + 1)
	ts.heap[j].pos = int32(j + 1)
}

func (ts *timers) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if ts.heap[p].armed <= ts.heap[i].armed {
			return
		}
		ts.swap(i, p)
		i = p
	}
}

func (ts *timers) down(i int) {
	for {
		k := 2*i + 1
		if k >= len(ts.heap) {
			return
		}
		if k+1 < len(ts.heap) && ts.heap[k+1].armed < ts.heap[k].armed {
			k++
		}
		if ts.heap[i].armed <= ts.heap[k].armed {
			return
		}
		ts.swap(i, k)
		i = k
	}
}
