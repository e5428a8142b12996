package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var usual = serverParams{rise: 2, fall: 3, weight: 1, check: true, located: true, dynamic: true}

// step runs a script of one word per second: ok, bad, 404, ready, drain, maint,
// tick, wN, up, stopping, down, off, on. It gives the status after each word.
func step(t *testing.T, p serverParams, script string) (st State, statuses []string, notes []string) {
	t.Helper()
	now := start
	st = first(p, now)
	words := map[string]happening{
		"ok":    checked{Status: CheckL7OK, Code: 200},
		"bad":   checked{Status: CheckL4CON, Info: "Connection refused"},
		"404":   checked{Status: CheckL7OKC, Code: 404},
		"ready": ordered(Ready), "drain": ordered(Drain), "maint": ordered(Maint),
		"tick": ticked{}, "w0": weighed(0), "w10": weighed(10),
		"up": pronounced(Running), "stopping": pronounced(Stopping), "down": pronounced(Stopped),
		"off": checksSet(false), "on": checksSet(true), "removed": removed{},
	}
	for w := range strings.FieldsSeq(script) {
		h, ok := words[w]
		if !ok {
			t.Fatalf("no such word %q", w)
		}
		now = now.Add(time.Second)
		var fx effects
		st, fx = after(st, h, now)
		statuses = append(statuses, st.Status())
		for _, n := range fx.notes {
			if n.kind == noteCheck {
				continue
			}
			sc := scene{backend: "be", server: "s1", st: &st, act: 1, bck: 1}
			level, text := sc.tell(n)
			notes = append(notes, fmt.Sprint(level, " ", text))
		}
	}
	return st, statuses, notes
}

// The expected words were seen on HAProxy 2.6.
func TestStatusAfterEvents(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"a new server is one failure away from down", "bad", "DOWN"},
		{"one success makes a new server fully up", "ok", "UP"},
		{"three failures take a server down", "ok bad bad bad", "UP, UP 2/3, UP 1/3, DOWN"},
		{"one success erases failures", "ok bad bad ok bad bad bad", "UP, UP 2/3, UP 1/3, UP, UP 2/3, UP 1/3, DOWN"},
		{"two successes bring it back", "bad ok ok", "DOWN, DOWN 1/2, UP"},
		{"a failure on the way up begins anew", "bad ok bad ok ok", "DOWN, DOWN 1/2, DOWN, DOWN 1/2, UP"},
		{"drain keeps checks", "ok drain bad ok", "UP, DRAIN, DRAIN 2/3, DRAIN"},
		{"a drained server can go down and come back drained", "ok drain bad bad bad ok ok", "UP, DRAIN, DRAIN 2/3, DRAIN 1/3, DOWN, DOWN 1/2, DRAIN"},
		{"maintenance ignores checks", "ok maint bad bad ok", "UP, MAINT, MAINT, MAINT, MAINT"},
		{"ready brings a server up, one failure away from down", "ok maint ready bad", "UP, MAINT, UP 1/3, DOWN"},
		{"ready brings a server up that was down", "bad maint ready ok", "DOWN, MAINT, UP 1/3, UP"},
		{"drain ends maintenance", "ok maint drain", "UP, MAINT, DRAIN 1/3"},
		{"maintenance ends drain", "ok drain maint ready", "UP, DRAIN, MAINT, UP 1/3"},
		{"ready ends drain", "ok drain ready", "UP, DRAIN, UP"},
		{"ready does not bring a server up that checks found down", "bad drain ready", "DOWN, DOWN, DOWN"},
		{"a 404 leaves persistent traffic", "ok 404 ok", "UP, NOLB, UP"},
		{"a failure while stopping counts", "ok 404 bad", "UP, NOLB, NOLB 2/3"},
		{"weight 0 is not a drain", "ok w0", "UP, UP"},
		{"the operator pronounces", "ok down stopping up", "UP, DOWN, NOLB, UP"},
		{"nothing is pronounced over a server in maintenance", "ok maint up", "UP, MAINT, MAINT"},
		{"checks can be switched off", "ok off bad bad bad on bad", "UP, no check, no check, no check, no check, UP, UP 2/3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, _ := step(t, usual, c.script)
			want := strings.Split(c.want, ", ")
			if strings.Join(got[len(got)-len(want):], ", ") != c.want {
				t.Errorf("%s: got %s, want %s", c.script, strings.Join(got, ", "), c.want)
			}
		})
	}
}

func TestMessagesAreHAProxys(t *testing.T) {
	const online = "1 active and 1 backup servers online. 0 sessions requeued, 0 total in queue."
	const left = "1 active and 1 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
	slow := usual
	slow.slowStart = 2 * time.Second
	for _, c := range []struct {
		script string
		want   []string
	}{
		{"ok drain maint drain ready maint ready", []string{
			"5 Server be/s1 enters drain state. " + online,
			"5 Server be/s1 is going DOWN for maintenance. " + left,
			"5 Server be/s1 is UP/DRAIN (leaving forced maintenance).",
			"5 Server be/s1 remains in forced drain mode.",
			"5 Server be/s1 is UP (leaving forced drain).",
			"1 Server be/s1 is going DOWN for maintenance. " + left,
			"5 Server be/s1 is UP/READY (leaving forced maintenance)."}},
		{"ok bad bad bad drain ready maint ready", []string{
			`1 Server be/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. ` + left,
			"5 Server be/s1 enters drain state. " + left,
			"5 Server be/s1 is DOWN (leaving forced drain).",
			"5 Server be/s1 was DOWN and now enters maintenance.",
			"5 Server be/s1 is UP/READY (leaving forced maintenance)."}},
		{"bad ok ok tick tick tick", []string{
			`1 Server be/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. ` + left,
			"5 Server be/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. " + online,
			"5 Server be/s1 is UP. " + online}},
		{"ok drain bad bad bad ok ok ready 404 bad bad bad", []string{
			"5 Server be/s1 enters drain state. " + online,
			`5 Server be/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. ` + left,
			"5 Server be/s1 remains in forced drain mode.",
			"5 Server be/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. " + online,
			"5 Server be/s1 remains in forced drain mode.",
			"5 Server be/s1 is UP (leaving forced drain).",
			"5 Server be/s1 is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms. " + online,
			`5 Server be/s1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms. ` + left}},
		{"ok 404 maint", []string{
			"5 Server be/s1 is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms. " + online,
			"5 Server be/s1 is going DOWN for maintenance. " + left}},
		{"ok down stopping up", []string{
			"1 Server be/s1 is DOWN, changed from CLI. " + left,
			"5 Server be/s1 is stopping, changed from CLI. " + online,
			"5 Server be/s1 is UP, changed from CLI. " + online}},
	} {
		_, _, got := step(t, slow, c.script)
		if g, w := strings.Join(got, "\n"), strings.Join(c.want, "\n"); g != w {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", c.script, g, w)
		}
	}
}

func TestServersTextCannotForgeALogLine(t *testing.T) {
	if got, want := printable("a \"b\" \x01 \xc3\xa9\n<"), "a <22>b<22> <01> <C3><A9><0A><3C>"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSlowstartRampsAsHAProxyDoes(t *testing.T) {
	// Seen on HAProxy 2.6 with slowstart 2s: throttle 7 and 57 at weight 1, 6
	// and 56 at weight 256.
	for _, c := range []struct {
		weight   int
		throttle []int
		shown    []int
	}{{1, []int{7, 57}, []int{1, 1}}, {10, []int{6, 56}, []int{1, 6}}, {256, []int{6, 56}, []int{16, 144}}} {
		p := usual
		p.weight, p.slowStart = c.weight, 2*time.Second
		st, _, _ := step(t, p, "maint ready")
		for i, want := range c.throttle {
			st, _ = after(st, ticked{}, st.Since.Add(time.Duration(i)*time.Second))
			if got, starting := st.Throttle(); got != want || !starting || st.Weight() != c.shown[i] {
				t.Errorf("weight %d after %d s: got %d%% weight %d (starting %t), want %d%% weight %d",
					c.weight, i, got, st.Weight(), starting, want, c.shown[i])
			}
		}
		st, _ = after(st, ticked{}, st.Since.Add(2*time.Second))
		if st.Op != Running || st.EWeight != c.weight*weightScale {
			t.Errorf("weight %d at the end: %+v", c.weight, st)
		}
	}
}

func TestSlowstartAppliesOnlyAfterDownAndMaint(t *testing.T) {
	p := usual
	p.slowStart = 30 * time.Second
	for _, c := range []struct {
		script string
		want   Op
	}{{"ok", Running}, {"ok drain ready", Running}, {"ok maint ready", Starting}, {"bad ok ok", Starting}, {"ok 404 ok", Starting}} {
		if st, _, _ := step(t, p, c.script); st.Op != c.want {
			t.Errorf("%s: op %d, want %d", c.script, st.Op, c.want)
		}
	}
	p.dynamic = false
	if st, _, _ := step(t, p, "ok maint ready"); st.EWeight != weightScale || st.ramp(st.Since.Add(15*time.Second)) != 50 {
		t.Errorf("a static algorithm has the full weight at once, maxconn ramps: %+v", st)
	}
}

func TestDowntimeIsCounted(t *testing.T) {
	st, _, _ := step(t, usual, "bad ok ok bad bad bad tick tick")
	now := start.Add(8 * time.Second)
	if got := st.Downtime(now); got != 4*time.Second || st.Downs != 2 {
		t.Errorf("downtime %v, downs %d, want 4s, 2", got, st.Downs)
	}
}

// Whatever happens, in any order, the state stays one that HAProxy can be in.
func TestStateInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := serverParams{
			rise: rapid.IntRange(1, 4).Draw(t, "rise"), fall: rapid.IntRange(1, 4).Draw(t, "fall"),
			weight: rapid.IntRange(0, 256).Draw(t, "weight"), check: rapid.Bool().Draw(t, "check"),
			disabled: rapid.Bool().Draw(t, "disabled"), located: rapid.Bool().Draw(t, "located"),
			slowStart: time.Duration(rapid.IntRange(0, 5000).Draw(t, "slowstart")) * time.Millisecond,
			dynamic:   rapid.Bool().Draw(t, "dynamic"),
		}
		now := start
		st := first(p, now)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			h := drawHappening(t, p)
			next, fx := after(st, h, now)
			sound(t, &st, &next, fx, now)
			st = next
		}
	})
}

func drawHappening(t *rapid.T, p serverParams) happening {
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0, 1:
		return checked{Status: rapid.SampledFrom([]CheckStatus{CheckL4OK, CheckL4CON, CheckL7OKC, CheckL7STS}).Draw(t, "check")}
	case 2:
		return ordered(rapid.SampledFrom([]Order{Ready, Drain, Maint}).Draw(t, "order"))
	case 3:
		return weighed(rapid.IntRange(0, 256).Draw(t, "w"))
	case 4:
		return pronounced(rapid.SampledFrom([]Op{Running, Stopping, Stopped}).Draw(t, "op"))
	case 5:
		return checksSet(rapid.Bool().Draw(t, "on"))
	case 6:
		p.disabled, p.located = rapid.Bool().Draw(t, "disabled"), rapid.Bool().Draw(t, "located")
		p.check, p.moved = rapid.Bool().Draw(t, "check"), rapid.Bool().Draw(t, "moved")
		p.rise, p.fall = rapid.IntRange(1, 4).Draw(t, "rise"), rapid.IntRange(1, 4).Draw(t, "fall")
		return configured(p)
	}
	return ticked{}
}

func sound(t *rapid.T, prev, st *State, fx effects, now time.Time) {
	switch {
	case st.Health < 0 || st.Health > st.Rise+st.Fall-1:
		t.Fatalf("health %d of %d+%d", st.Health, st.Rise, st.Fall)
	case st.Admin.Maint() && st.Op != Stopped:
		t.Fatalf("in maintenance and op %d", st.Op)
	case st.Check.Paused != (st.Check.Enabled && st.Admin.Maint()):
		t.Fatalf("paused %t, enabled %t, admin %x", st.Check.Paused, st.Check.Enabled, st.Admin)
	case st.Usable() && !st.Persists():
		t.Fatalf("usable, but cookies are not honoured: %+v", st)
	case prev.Op != Stopped && st.Op == Stopped && (!fx.close || !fx.requeue || st.Downs != prev.Downs+1):
		t.Fatalf("went down: effects %+v, downs %d after %d", fx, st.Downs, prev.Downs)
	case !prev.Usable() && st.Usable() && !fx.arrived && prev.Admin == st.Admin && prev.Op == Stopped:
		t.Fatalf("became usable and nobody is told: %+v", fx)
	case st.Downtime(now) < prev.Downtime(now):
		t.Fatalf("downtime went back from %v to %v", prev.Downtime(now), st.Downtime(now))
	case st.EWeight < 0 || st.EWeight > st.UWeight*weightScale:
		t.Fatalf("effective weight %d of %d", st.EWeight, st.UWeight)
	case st.Op == Starting && st.SlowStart == 0:
		t.Fatalf("starting without slowstart")
	}
}
