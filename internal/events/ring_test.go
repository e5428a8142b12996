package events

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func ids(list []Event) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%d:%s ", e.ID, e.Text)
	}
	return b.String()
}

func TestTheNewestEventsStay(t *testing.T) {
	r := New(3)
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		r.Add(Event{Text: text})
	}
	for since, want := range map[uint64]string{0: "3:c 4:d 5:e ", 3: "4:d 5:e ", 5: "", 9: ""} {
		if got := ids(r.Since(since)); got != want {
			t.Errorf("since %d: %q, want %q", since, got, want)
		}
	}
	if r.Last() != 5 {
		t.Errorf("last is %d", r.Last())
	}
	var none *Ring
	if none.Since(0) != nil || none.Last() != 0 {
		t.Error("no ring has events")
	}
}

func TestSubscribersGetWhatHappensLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(8)
		r.Add(Event{Text: "a"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var got []Event
		var reader sync.WaitGroup
		reader.Go(func() { // ends with ctx
			for e := range r.Subscribe(ctx, 0) {
				got = append(got, e)
			}
		})
		for _, text := range []string{"b", "c"} {
			synctest.Wait()
			r.Add(Event{Text: text})
		}
		reader.Wait()
		if ids(got) != "1:a 2:b 3:c " {
			t.Errorf("got %s", ids(got))
		}
	})
}

func TestASubscriberMayStop(t *testing.T) {
	r := New(8)
	r.Add(Event{Text: "a"})
	r.Add(Event{Text: "b"})
	for e := range r.Subscribe(t.Context(), 0) {
		if e.Text != "a" {
			t.Errorf("got %s", e.Text)
		}
		break
	}
}

func TestAnEventIsOneLine(t *testing.T) {
	r := New(1)
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Kind: ServerDown, Level: 1, Proxy: "be", Server: "s1", Text: "Server be/s1 is DOWN."}, "1 2026-03-04T05:06:07.089Z 1 server-down be/s1 Server be/s1 is DOWN.\n"},
		{Event{Kind: BackendDown, Proxy: "be", Text: "gone"}, "2 2026-03-04T05:06:07.089Z 0 backend-down be gone\n"},
		{Event{Kind: ReloadRefused, Level: 1, Text: "no\r\nbecause\n"}, "3 2026-03-04T05:06:07.089Z 1 reload-refused - no | because\n"},
	} {
		c.e.Time = at
		r.Add(c.e)
		if got := string(r.Since(0)[0].AppendLine(nil)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	r.Add(Event{Text: strings.Repeat("x", 2*maxText)})
	if n := len(r.Since(0)[0].Text); n != maxText {
		t.Errorf("a text of %d bytes", n)
	}
}
