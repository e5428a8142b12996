package loop

import (
	"io"
	"testing"
	"time"
)

// told polls the loop's facts until ok; they are published now and then only.
func told(t *testing.T, l *Loop, what string, ok func(Facts) bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok(l.Facts()) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: never, the facts are %+v", what, l.Facts())
		}
		on(l, func() {})
	}
}

func TestALoopKnowsItsTurns(t *testing.T) {
	l := running(t)
	_, peer := pair(t, l, &handler{ready: echo})
	_, _ = io.WriteString(peer, "x")
	if _, err := io.ReadFull(peer, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	told(t, l, "turns, events and mail", func(f Facts) bool {
		var sum int64
		for _, n := range f.TurnTimes {
			sum += n
		}
		return f.Turns > 0 && sum == f.Turns && f.Events > 0 && f.Mail > 0 && f.Busy > 0 && f.MaxTurn > 0 && f.Conns == 1
	})
}

func TestALongTurnIsSeenInTheHistogramAndInTheMail(t *testing.T) {
	l := running(t)
	begun := make(chan struct{})
	end := make(chan struct{})
	l.Post(func() { close(begun); <-end })
	<-begun
	l.Post(func() {})
	told := l.Facts()
	if told.MailWaiting != 1 {
		t.Errorf("%d letters wait, want 1", told.MailWaiting)
	}
	for l.Facts().MailOldest < int64(TurnBound(5)) { // until the turn is long
	}
	close(end)
	deadline := time.Now().Add(time.Minute)
	for {
		on(l, func() {})
		f := l.Facts()
		var long int64
		for _, n := range f.TurnTimes[5:] {
			long += n
		}
		if long >= 1 && f.MaxTurn >= int64(TurnBound(5)) && f.MaxMailAge >= int64(TurnBound(5)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the facts are %+v", f)
		}
	}
	for l.Facts().MaxMailAge >= int64(TurnBound(5)) {
		if time.Now().After(deadline) {
			t.Fatal("the maxima are not cleared")
		}
		l.ClearMax() // each time: on a busy machine the next letter may be as old
		on(l, func() {})
	}
}

func TestTheCPUTimeOfATurnIsNotItsTime(t *testing.T) {
	l := running(t)
	begun, end := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(begun); <-end })
	<-begun
	l.Post(func() {})
	for l.Facts().MailOldest < int64(TurnBound(8)) { // the turn lasts, its thread sleeps
	}
	close(end)
	told(t, l, "a long turn without CPU time", func(f Facts) bool {
		return f.MaxTurn >= int64(TurnBound(8)) && f.MaxTurnCPU > 0 && f.MaxTurnCPU < int64(TurnBound(8))
	})
	const spent = int64(20 * time.Millisecond)
	on(l, func() {
		for from := threadCPU(); threadCPU()-from < spent; {
		}
	})
	told(t, l, "a turn with CPU time", func(f Facts) bool {
		var sum, long int64
		for i, n := range f.TurnCPU {
			sum += n
			if i == TurnSteps-1 || int64(TurnBound(i)) > spent {
				long += n
			}
		}
		return f.MaxTurnCPU >= spent && f.MaxTurnCPU <= f.MaxTurn && long >= 1 && sum == f.Turns
	})
}

func TestHeldBuffersAreCounted(t *testing.T) {
	var b buffers
	small, large := b.get(100), b.get(scratchSize+framingRoom+1)
	if b.held != int64(bufferSizes[0]+2*scratchSize) {
		t.Errorf("%d bytes held", b.held)
	}
	b.put(small)
	b.put(large)
	if b.held != 0 {
		t.Errorf("%d bytes held after all came back", b.held)
	}
}
