package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bascule/internal/drill/report"
	"bascule/internal/drill/traffic"
)

// The whole drill in small, behind the oracle: with checks every 100 ms HAProxy notices
// a dead server too, and what a killed server takes with it must be in the report.
func TestADrillOfOneFaultBehindHAProxy(t *testing.T) {
	o := &wholeOptions{
		phase: PhaseOptions{Rate: 200, Sockets: 6, ChatPace: 200 * time.Millisecond, Calm: 300 * time.Millisecond, Lasts: 500 * time.Millisecond, Seed: 1},
		lab:   LabOptions{Balancer: haproxy(t), Inter: 100 * time.Millisecond, Slowstart: 100 * time.Millisecond}, faults: "kill,blip", skip: "blip",
		html: filepath.Join(t.TempDir(), "page.html"), asJSON: true,
	}
	var stdout, stderr bytes.Buffer
	err := runWhole(t.Context(), o, &stdout, &stderr)
	if err != nil && !errors.Is(err, errWholeFailed) {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
	if len(r.Sides) != 1 || len(r.Sides[0].Results) != 2 || r.Passed != (err == nil) {
		t.Fatalf("sides %+v, passed %v with %v", r.Sides, r.Passed, err)
	}
	kill, blip := r.Sides[0].Results[0], r.Sides[0].Results[1]
	if blip.Verdict != report.Skipped || blip.Total.Sent != 0 {
		t.Errorf("blip: %s with %d requests", blip.Verdict, blip.Total.Sent)
	}
	if len(kill.Kinds) != int(traffic.Kinds) || kill.Total.Sent < 200 || kill.Total.OK < kill.Total.Sent*8/10 {
		t.Errorf("%d of %d requests of %d kinds were answered", kill.Total.OK, kill.Total.Sent, len(kill.Kinds))
	}
	if kill.Total.Twice+kill.Total.Short+kill.Total.Vanished != 0 {
		t.Errorf("HAProxy was found to repeat or forge: %+v %q", kill.Total, kill.Examples)
	}
	if kill.Detect <= 0 || kill.Back <= 0 || len(kill.States) < 4 {
		t.Errorf("DOWN after %v, UP after %v, states %v", kill.Detect, kill.Back, kill.States)
	}
	if s := kill.Sockets; s.Connected != 6 || s.Cut != s.OnVictims || s.Said == 0 || s.Lost+s.Doubled != 0 {
		t.Errorf("WebSockets %+v", s)
	}
	page, err := os.ReadFile(o.html)
	if err != nil || !bytes.Contains(page, []byte("<svg")) {
		t.Errorf("no page: %v", err)
	}
}

// A rate that a busy machine carries too: what it cannot answer in time would be seen as
// well, and the count of what was done would not be the count of what was seen.
func TestTheControlRunIsCaught(t *testing.T) {
	lab := startLab(t, LabOptions{Balancer: haproxy(t)})
	r, missed, err := Control(t.Context(), lab, PhaseOptions{Rate: 80, Sockets: 6, ChatPace: 50 * time.Millisecond, Lasts: 5 * time.Second,
		Calm: 200 * time.Millisecond, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range missed {
		t.Error(what)
	}
	if r.Verdict != report.Failed || len(r.Examples) == 0 {
		t.Errorf("%s with examples %q", r.Verdict, r.Examples)
	}
}

// The test of the test: a ledger that sees nothing must not be taken for a clean one.
func TestAControlRunThatSeesNothingFails(t *testing.T) {
	between := &tamperer{}
	between.counts[tamperTwice].Store(2 * tamperEvery)
	missed := uncaught(between, &report.Result{Total: report.Counts{Twice: 1}, Verdict: report.Passed})
	for _, want := range []string{"POSTs sent twice: 1 seen of 2 done", "replies broken off: 0 seen of 0 done",
		"messages dropped: none seen", "messages doubled: none seen", "the verdict was passed"} {
		if !slices.Contains(missed, want) {
			t.Errorf("%q is not among %q", want, missed)
		}
	}
}

func TestAFaultThatCannotRunIsSaid(t *testing.T) {
	o := &wholeOptions{}
	f := chosen{Fault: Fault{Name: "f", Needs: func(*Target) error { return os.ErrPermission }}}
	r, err := o.fault(t.Context(), nil, f)
	if err != nil || r.Verdict != report.NotRun || !slices.Equal(r.Failures, []string{"permission denied"}) {
		t.Errorf("%s %q, %v", r.Verdict, r.Failures, err)
	}
	f.skipped = true
	if r, _ := o.fault(t.Context(), nil, f); r.Verdict != report.Skipped {
		t.Errorf("%s, want skipped", r.Verdict)
	}
}

func TestTheListHasEveryFault(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"--list"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	for _, f := range Faults(&Target{}) {
		if !strings.Contains(stdout.String(), f.Name+" ") || !strings.Contains(stdout.String(), f.Text) {
			t.Errorf("%s is not listed", f.Name)
		}
	}
}

func TestAnInterruptMendsTheFault(t *testing.T) {
	lab := startLab(t, quick(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	target := lab.Target()
	f := Faults(target)[0]
	inject := f.Inject
	f.Inject = func(ctx context.Context, t *Target) error {
		defer cancel()
		return inject(ctx, t)
	}
	if _, err := RunFault(ctx, target, f, PhaseOptions{Rate: 50, Sockets: 2, ChatPace: time.Second, Seed: 1}); err == nil {
		t.Error("an interrupted fault gave evidence")
	}
	for _, srv := range lab.Servers() {
		if _, ok := srv.Running(); !ok {
			t.Errorf("%s was not started again", srv.Name)
		}
	}
}
