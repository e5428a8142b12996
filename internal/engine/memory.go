package engine

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// trimEvery is how often memory is looked at. With calm that lasts so long a
	// burst's memory is back with the system well within a minute.
	trimEvery = 10 * time.Second
	// trimCalm is how many bytes may have been allocated since the last look for the
	// process to count as calm: requests allocate nothing, bursts of connections do.
	trimCalm = 4 << 20
	// trimWorth is how much must have been allocated since the last trim: less than
	// that cannot have left much behind.
	trimWorth = 2 << 20
)

// A trimmer returns the memory of a burst to the system once it is over. The
// collector alone would wait for the heap to double, which a calm process may
// never see again, and keeps what it frees for another five minutes.
type trimmer struct {
	last    uint64 // bytes ever allocated, at the last look
	trimmed uint64 // and at the last trim
	free    func()
}

// look trims if the burst before this look is over; it says whether it did.
func (t *trimmer) look(allocated uint64) bool {
	calm := allocated-t.last < trimCalm
	t.last = allocated
	if !calm || allocated-t.trimmed < trimWorth {
		return false
	}
	t.free()
	t.trimmed = allocated
	return true
}

// trim is the trimmer's goroutine; it ends with the engine.
func (e *Engine) trim() {
	t := trimmer{free: debug.FreeOSMemory}
	every := time.NewTicker(trimEvery)
	defer every.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-every.C:
			t.look(allocated())
		}
	}
}

// allocated is how many bytes the process has ever allocated on its heap.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
