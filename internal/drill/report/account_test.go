package report

import (
	"strconv"
	"testing"
	"time"

	"bascule/internal/drill/traffic"
	"bascule/internal/fleet"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// story is a fault at 1 s that is detected at 1.5 s, mended at 3 s and over at 4 s.
func story() *Evidence {
	return &Evidence{
		Begun: noon, Servers: []string{"", "a", "b"}, Injecting: time.Second, Injected: time.Second,
		Down: 1500 * time.Millisecond, Mending: 3 * time.Second, Mended: 3 * time.Second, Up: 4 * time.Second,
		Ended: 5 * time.Second,
	}
}

func (ev *Evidence) request(kind traffic.Kind, number uint32, due, took time.Duration, outcome traffic.Outcome) {
	ev.Records = append(ev.Records, traffic.Record{Kind: kind, Number: number, Due: due, Sent: due, Ended: due + took,
		Outcome: outcome, Server: 1})
}

func (ev *Evidence) execution(number int, at time.Duration) {
	ev.Executed = append(ev.Executed, fleet.Execution{ID: strconv.Itoa(number), Server: "a", At: noon.Add(at).UnixMicro()})
}

const ten = 10 * time.Millisecond

func TestExecutionsAreHeldAgainstAnswers(t *testing.T) {
	for _, tt := range []struct {
		name       string
		kind       traffic.Kind
		outcome    traffic.Outcome
		executions []time.Duration // after the request was due
		want       Counts
	}{
		{"a POST executed once", traffic.Post, traffic.OK, []time.Duration{5 * time.Millisecond}, Counts{Sent: 1, OK: 1}},
		{"a POST executed twice", traffic.Post, traffic.OK, []time.Duration{time.Millisecond, 2 * time.Millisecond},
			Counts{Sent: 1, OK: 1, Twice: 1, Forbidden: 1}},
		{"a keyed POST executed twice", traffic.Keyed, traffic.OK, []time.Duration{time.Millisecond, time.Second},
			Counts{Sent: 1, OK: 1, Twice: 1, Late: 1, Forbidden: 1}},
		{"a POST acknowledged and never executed", traffic.Post, traffic.OK, nil, Counts{Sent: 1, OK: 1, Vanished: 1, Forbidden: 1}},
		{"a POST lost and not executed", traffic.Post, traffic.Lost, nil, Counts{Sent: 1, Lost: 1, Forbidden: 1}},
		{"a POST lost and executed all the same", traffic.Post, traffic.Lost, []time.Duration{time.Millisecond}, Counts{Sent: 1, Lost: 1, Forbidden: 1}},
		{"a PUT that lands after the client was told 504", traffic.Put, traffic.Lost, []time.Duration{2 * time.Second},
			Counts{Sent: 1, Lost: 1, Late: 1, Forbidden: 1}},
		{"a GET has no executions", traffic.Get, traffic.OK, nil, Counts{Sent: 1, OK: 1}},
		{"a GET cut", traffic.Get, traffic.Cut, nil, Counts{Sent: 1, Cut: 1, Forbidden: 1}},
		{"a GET that ended as if complete", traffic.Get, traffic.Short, nil, Counts{Sent: 1, Short: 1, Forbidden: 1}},
		{"a GET for which there was no connection", traffic.Get, traffic.Unsent, nil, Counts{Sent: 1, Lost: 1, Forbidden: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := story()
			ev.request(tt.kind, 7, time.Second, ten, tt.outcome)
			for _, after := range tt.executions {
				ev.execution(7, time.Second+after)
			}
			r := Account("f", "", ev, Expect{})
			if r.Total != tt.want {
				t.Errorf("got  %+v\nwant %+v", r.Total, tt.want)
			}
		})
	}
}

func TestTimesAreTakenFromTheOutage(t *testing.T) {
	ev := story()
	for n := range 100 {
		ev.request(traffic.Get, uint32(n), time.Duration(n)*time.Millisecond, ten, traffic.OK)
		ev.request(traffic.Get, uint32(100+n), time.Second+time.Duration(n)*time.Millisecond, 2*ten, traffic.OK)
	}
	ev.request(traffic.Sticky, 200, 2*time.Second, 3*ten, traffic.OK)
	ev.request(traffic.Get, 201, 3500*time.Millisecond, time.Second, traffic.OK) // after the mending
	r := Account("f", "", ev, Expect{Detects: true})
	if r.Calm != (Times{100, ten, ten, ten, ten}) || r.Outage != (Times{101, 2 * ten, 2 * ten, 3 * ten, 2 * ten}) || r.StickyOutage.P99 != 3*ten {
		t.Errorf("calm %v, outage %v, sticky %v", r.Calm, r.Outage, r.StickyOutage)
	}
	if r.Detect != 500*time.Millisecond || r.Back != time.Second {
		t.Errorf("detected after %v, back after %v", r.Detect, r.Back)
	}
}

// Who answers 503 at once must not look faster than who answers late.
func TestWhatIsLostIsNeverAnswered(t *testing.T) {
	for lost, want := range map[int]time.Duration{0: ten, 1: ten, 2: Never} {
		ev := story()
		for n := range 101 {
			outcome := traffic.OK
			if n < lost {
				outcome = traffic.Lost
			}
			ev.request(traffic.Get, uint32(n), time.Second, ten, outcome)
		}
		if got := Account("f", "", ev, Expect{}).Outage; got.Answered99 != want || got.P99 != ten {
			t.Errorf("%d lost of 101: %v, want %v", lost, got.Answered99, want)
		}
	}
}

func TestTracksThatChangeServersAreCounted(t *testing.T) {
	ev := story()
	for n, heard := range []struct {
		track  uint16
		server uint8
	}{{1, 1}, {2, 2}, {1, 1}, {2, 1}, {2, 2}, {3, 1}} {
		ev.request(traffic.HLS, uint32(n), time.Duration(n)*ten, ten, traffic.OK)
		ev.Records[n].Track, ev.Records[n].Server = heard.track, heard.server
	}
	if r := Account("f", "", ev, Expect{}); r.TracksMoved != 1 || r.Tracks != 3 {
		t.Errorf("%d of %d tracks moved, want 1 of 3", r.TracksMoved, r.Tracks)
	}
}

func TestSocketsAreToldOrCut(t *testing.T) {
	ev := story()
	ev.Connected, ev.OnVictims = 3, 2
	ev.Sockets = []SocketEvent{
		{At: 0, Opened: true}, {At: 1600 * time.Millisecond, Code: 1012}, {At: 1100 * time.Millisecond, Code: -1},
		{At: 1700 * time.Millisecond, Opened: true},
	}
	s := Account("f", "", ev, Expect{}).Sockets
	if s.Told != 1 || s.Cut != 1 || s.Reconnects != 1 || s.LastTold != 100*time.Millisecond {
		t.Errorf("%+v", s)
	}
}

func TestTheTimeLineHasEveryRequestWhereItWasDue(t *testing.T) {
	ev := story()
	ev.request(traffic.Get, 1, 150*time.Millisecond, ten, traffic.OK)
	ev.request(traffic.Get, 2, 199*time.Millisecond, 5*time.Second, traffic.Lost)
	r := Account("f", "", ev, Expect{})
	if len(r.Slots) != 51 || r.Slots[1] != (Slot{OK: 1, Lost: 1, P99: ten, Max: 5 * time.Second}) {
		t.Errorf("%d slots, the second %+v", len(r.Slots), r.Slots[1])
	}
	if r.Marks["down"] != 1500*time.Millisecond || r.Marks["up"] != 4*time.Second {
		t.Errorf("marks %v", r.Marks)
	}
}
