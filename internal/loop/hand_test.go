package loop

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A loop by hand has its timers and its mail in the time of who turns it.
func TestALoopByHandTurnsWhenItIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rang := 0
		l := ByHand(3, slog.New(slog.DiscardHandler), func() { rang++ })
		var did []string
		late := l.Timer(func() { did = append(did, "late") })
		soon := l.Timer(func() { did = append(did, "soon"); l.SetTimer(late, time.Hour) })
		l.SetTimer(soon, time.Second)
		l.Post(func() { did = append(did, "mail") })
		l.Post(func() { did = append(did, "more") })
		if next := l.Turn(); next != time.Second || rang != 1 || l.Index() != 3 {
			t.Errorf("next in %v, rang %d times", next, rang)
		}
		before := l.Now()
		time.Sleep(time.Second)
		if next := l.Turn(); next != time.Hour || l.Now()-before != int64(time.Second) {
			t.Errorf("next in %v, a second took %v", next, time.Duration(l.Now()-before))
		}
		time.Sleep(time.Hour)
		if next := l.Turn(); next >= 0 {
			t.Errorf("nothing is set, and next is in %v", next)
		}
		if want := []string{"mail", "more", "soon", "late"}; !slices.Equal(did, want) {
			t.Errorf("got %v, want %v", did, want)
		}
		l.End()
		l.Post(func() { t.Error("mail was read after the end") })
		<-l.Done()
	})
}
