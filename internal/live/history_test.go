package live

import (
	"testing"
	"time"
	"unsafe"
)

func TestAHistoryIsTheLastHour(t *testing.T) {
	var h history
	const begin = 1_700_000_000
	for n := range int64(2*kept + 17) {
		if n%10 == 3 {
			continue // a turn that came late: nothing is known of this second
		}
		h.put(begin+n, sample{reqs: uint32(n), state: 1})
	}
	var list []sample
	from := h.each(kept, func(s sample) { list = append(list, s) })
	if len(list) != kept || from != begin+kept+17 {
		t.Fatalf("%d samples from second %d", len(list), from-begin)
	}
	for i, s := range list {
		n := from + int64(i) - begin
		if n%10 == 3 {
			if s != (sample{}) {
				t.Fatalf("second %d holds %+v", n, s)
			}
		} else if int64(s.reqs) != n {
			t.Fatalf("second %d holds %+v", n, s)
		}
	}
	h.put(begin, sample{reqs: 1}) // a clock that goes back
	if h.last != begin+2*kept+16 {
		t.Errorf("the last second is %d", h.last-begin)
	}
	h.put(begin+10*kept, sample{reqs: 7, state: 1})
	list = nil
	if from = h.each(kept, func(s sample) { list = append(list, s) }); len(list) != 1 || from != begin+10*kept || list[0].reqs != 7 {
		t.Errorf("after a long pause: %d samples from %d", len(list), from-begin)
	}
}

func TestWhatAHistoryCosts(t *testing.T) {
	if got := unsafe.Sizeof(sample{}); got != 20 {
		t.Errorf("a sample has %d bytes", got)
	}
	if got := span * unsafe.Sizeof(sample{}); got != 78000 {
		t.Errorf("an hour of a server has %d bytes", got)
	}
}

func TestTimesInSixteenBits(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want int64
	}{
		{-1, -1}, {0, 0}, {150 * time.Microsecond, 100}, {2999 * time.Millisecond, 2_999_000}, {3 * time.Second, 3_000_000},
		{3456 * time.Millisecond, 3_450_000}, {time.Minute, 60_000_000}, {time.Hour, 358_340_000},
	} {
		if got := long(short(tt.d)); got != tt.want {
			t.Errorf("%s is kept as %d µs, want %d", tt.d, got, tt.want)
		}
	}
}
