package live

import (
	"strings"
	"testing"

	"bascule/internal/backend"
	"bascule/internal/events"
)

func TestOrdersOfThePage(t *testing.T) {
	w := newWorld(t, fleetConfig)
	s1 := w.bes["app"].Server("s1")
	for _, tt := range []struct {
		form   string
		fields []string
		admin  bool
		status int
		says   string
		holds  func(st *backend.State) bool
	}{
		{"action=drain&backend=app&server=s1&deadline=30s", []string{"Sec-Fetch-Site: same-origin", "Origin: http://lab:9100"}, true, 200, "drain of app/s1 within 30s: done",
			func(st *backend.State) bool { return st.Admin.Drain() && !st.Drain.Until.IsZero() }},
		{"action=ready&backend=app&server=s1", nil, true, 200, "ready of app/s1: done", func(st *backend.State) bool { return !st.Admin.Drain() }},
		{"action=drain&backend=app&server=s1&deadline=", nil, true, 200, "drain of app/s1: done", func(st *backend.State) bool { return st.Drain != nil && st.Drain.Until.IsZero() }},
		{"action=ready&backend=app&server=s1", nil, true, 200, "done", func(st *backend.State) bool { return st.Drain == nil }},
		{"action=weight&backend=app&server=s1&weight=7", nil, true, 200, "weight of app/s1 to 7: done", func(st *backend.State) bool { return st.UWeight == 7 }},
		{"action=weight&backend=app&server=s1&weight=300", nil, true, 409, "failed: Absolute weight can only be between", func(st *backend.State) bool { return st.UWeight == 7 }},
		{"action=drain&backend=app&server=s1&deadline=soon", nil, true, 409, "failed: the deadline is not a time", nil},
		{"action=drain&backend=app&server=s1&deadline=1ms", nil, true, 409, "failed: the deadline must be at least 1s", nil},
		{"action=destroy&backend=app&server=s1", nil, true, 409, "failed: the actions are", nil},
		{"action=maint&backend=app&server=s9", nil, true, 409, "failed: there is no such server", nil},
		{"action=maint&backend=app&server=s1", nil, false, 403, "refused: stats admin", nil},
		{"action=maint&backend=app&server=s1", []string{"Sec-Fetch-Site: cross-site"}, true, 403, "another site", nil},
		{"action=maint&backend=app&server=s1", []string{"Sec-Fetch-Site: same-site"}, true, 403, "another site", nil},
		{"action=maint&backend=app&server=s1", []string{"Origin: https://elsewhere.example"}, true, 403, "another site", nil},
		{"action=maint&backend=app&server=s1", []string{"Origin: null"}, true, 403, "another site", nil},
	} {
		a := &answer{}
		w.log.Reset()
		before := w.Board.src.Events.Last()
		w.answer(a, asked(t, "stats", "POST /stats;act", tt.form, tt.admin, append(tt.fields, ops)...))
		if a.status != tt.status || !strings.Contains(a.String(), tt.says) {
			t.Errorf("%s %v: %d %s", tt.form, tt.fields, a.status, a.String())
		}
		if tt.holds != nil && !tt.holds(s1.State()) {
			t.Errorf("%s: the state is %s, weight %d", tt.form, s1.Status(), s1.State().UWeight)
		}
		if line := w.log.String(); !strings.Contains(line, "user=ops") || !strings.Contains(line, "from=192.0.2.7:4711") || !strings.Contains(line, "action="+strings.SplitN(tt.form[7:], "&", 2)[0]) ||
			strings.Contains(line, "result=done") != (tt.status == 200) {
			t.Errorf("%s is logged as %q", tt.form, line)
		}
		if list := w.Board.src.Events.Since(before); len(list) == 0 || list[len(list)-1].Kind != events.Action || !strings.HasPrefix(list[len(list)-1].Text, "Page: "+strings.SplitN(tt.form[7:], "&", 2)[0]+" of app/s") {
			t.Errorf("%s is no event: %v", tt.form, list)
		}
	}
	if s1.State().Admin.Maint() {
		t.Error("a refused order was carried out")
	}
}

func TestOrdersNeedAPostAndStatsAdmin(t *testing.T) {
	w := newWorld(t, strings.Replace(fleetConfig, "\tstats admin if TRUE\n", "", 1))
	if a := w.get("stats", "/stats;act", ops); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
	a := &answer{}
	w.answer(a, asked(t, "stats", "POST /stats;act", "action=maint&backend=app&server=s1", true, ops))
	if a.status != 403 {
		t.Errorf("without stats admin: %d", a.status)
	}
	r := asked(t, "stats", "POST /stats;act", "action=maint&backend=app&server=s1", true, ops)
	r.Whole = false
	w = newWorld(t, fleetConfig)
	if w.answer(a, r); a.status != 413 {
		t.Errorf("a form of which a part is missing: %d", a.status)
	}
}

// TestAForgedNameMakesNoLine: what an order names is repeated in the log on one line.
func TestAForgedNameMakesNoLine(t *testing.T) {
	w := newWorld(t, fleetConfig)
	a := &answer{}
	w.answer(a, asked(t, "stats", "POST /stats;act", "action=maint%0aforged&backend=app&server=%1b[31m"+strings.Repeat("x", 500), true, ops))
	list := w.Board.src.Events.Since(0)
	if text := list[len(list)-1].Text; strings.ContainsAny(text, "\n\x1b") || len(text) > 400 {
		t.Errorf("%q", text)
	}
}
