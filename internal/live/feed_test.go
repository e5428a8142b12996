package live

import (
	"strings"
	"sync"
	"testing"

	"bascule/internal/backend"
	"bascule/internal/events"
)

// begin runs a feed until it ends.
func (w *fleetWorld) begin(target string) (a *answer, ended func() bool) {
	a = &answer{}
	done := make(chan struct{})
	r := asked(w.t, "stats", "GET "+target, "", false, ops)
	var wg sync.WaitGroup
	wg.Go(func() { defer close(done); w.answer(a, r) })
	w.t.Cleanup(func() { a.leave(); w.Board.Close(); wg.Wait() })
	return a, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

func TestAFeedSendsAFrameEachTurnAndForEachEvent(t *testing.T) {
	w := newWorld(t, fleetConfig)
	a, _ := w.begin("/stats;events")
	frames := func() int { return strings.Count(a.String(), "event: frame\n") }
	eventually(t, "the first frame", func() bool { return frames() == 1 })
	if !strings.Contains(a.fields, "Content-Type: text/event-stream\r\n") || !strings.HasPrefix(a.String(), "retry: ") || !strings.Contains(a.String(), `"frontends":[{"name":"web"`) {
		t.Errorf("%q\n%.500s", a.fields, a.String())
	}
	w.turn(1)
	eventually(t, "a frame of the turn", func() bool { return frames() == 2 })
	w.Board.src.Events.Add(events.Event{Kind: events.ServerDown, Proxy: "app", Server: "s1", Text: "Server app/s1 is DOWN"})
	eventually(t, "a frame at once", func() bool { return frames() == 3 && strings.Contains(a.String(), "Server app/s1 is DOWN") })
	if n := strings.Count(a.String(), "event: world\n"); n != 1 {
		t.Errorf("%d worlds", n)
	}
	a.leave()
	w.turn(2)
	eventually(t, "the place is free", func() bool { return w.Board.Followers() == 0 })
}

func TestAFeedEndsWithItsConfigurationAndTheProcess(t *testing.T) {
	w := newWorld(t, fleetConfig)
	a, ended := w.begin("/stats;events")
	eventually(t, "the first frame", func() bool { return strings.Contains(a.String(), "event: frame\n") })
	w.reload(fleetConfig)
	w.turn(1)
	eventually(t, "the end", ended)
	if !strings.HasSuffix(a.String(), "event: bye\ndata: \"reload\"\n\n") {
		t.Errorf("it ended with %q", a.String()[max(0, len(a.String())-80):])
	}
	a, ended = w.begin("/stats;events")
	eventually(t, "the first frame", func() bool { return strings.Contains(a.String(), "event: frame\n") })
	w.Board.Close()
	eventually(t, "the end", ended)
	if !strings.HasSuffix(a.String(), "event: bye\ndata: \"stop\"\n\n") {
		t.Errorf("it ended with %q", a.String()[max(0, len(a.String())-80):])
	}
	a, ended = w.begin("/stats;events")
	eventually(t, "a refusal", ended)
	if a.status != 503 {
		t.Errorf("a stopping process: %d", a.status)
	}
}

func TestFollowersAreBounded(t *testing.T) {
	w := newWorld(t, fleetConfig)
	for range maxFollowers {
		w.begin("/stats;events")
	}
	eventually(t, "all places taken", func() bool { return w.Board.Followers() == maxFollowers })
	eventually(t, "all are counted", func() bool { return w.Board.src.Events.Followers() == maxFollowers })
	a := w.get("stats", "/stats;events", ops)
	if a.status != 503 || !strings.Contains(a.fields, "Retry-After: ") {
		t.Errorf("one too many: %d %q", a.status, a.fields)
	}
}

func TestAServerThatComesIsShown(t *testing.T) {
	w := newWorld(t, fleetConfig)
	a, _ := w.begin("/stats;events")
	eventually(t, "the first frame", func() bool { return strings.Contains(a.String(), "event: frame\n") })
	px := *w.bes["app"].Config()
	px.Servers = px.Servers[:2]
	if err := w.bes["app"].Ask(backend.Apply{Cfg: &px}); err != nil {
		t.Fatal(err)
	}
	w.turn(1)
	eventually(t, "another world", func() bool { return strings.Count(a.String(), "event: world\n") == 2 })
}
