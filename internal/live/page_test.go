package live

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"bascule/internal/events"

	"bascule/web"
)

func TestWhoGetsWhichPage(t *testing.T) {
	w := newWorld(t, fleetConfig)
	html := "Accept: text/html,application/xhtml+xml"
	for _, tt := range []struct{ frontend, target, accept, has string }{
		{"stats", "/stats", html, `data-uri="/stats"`},
		{"stats", "/stats", "Accept: */*", `<tbody id="app">`},
		{"stats", "/stats;live", "Accept: */*", `data-uri="/stats"`},
		{"stats", "/stats;classic", html, `<tbody id="app">`},
		{"stats", "/stats;up", html, `<tbody id="app">`},
		{"stats", "/stats;norefresh", html, `<tbody id="app">`},
		{"stats", "/stats?scope=app", html, `<tbody id="app">`},
		{"stats", "/stats;csv", html, "# pxname,svname,"},
		{"stats", "/stats;csv;norefresh", html, "# pxname,svname,"},
		{"stats", "/stats;json", html, `"objType":"Server"`},
		{"stats", "/stats;classic", html, `href="/stats;live"`},
		{"classic", "/stats", html, `<tbody id="app">`},
		{"classic", "/stats;live", html, `<tbody id="app">`},
		{"classic", "/stats;events", html, `<tbody id="app">`},
	} {
		a := w.get(tt.frontend, tt.target, tt.accept, ops)
		if a.status != 200 || !strings.Contains(a.String(), tt.has) {
			t.Errorf("%s%s with %s: %d, without %q:\n%.300s", tt.frontend, tt.target, tt.accept, a.status, tt.has, a.String())
		}
	}
}

func TestEverythingAsksForThePassword(t *testing.T) {
	w := newWorld(t, fleetConfig)
	for _, line := range []string{"GET /stats", "GET /stats;live", "GET /stats;asset=page.js", "GET /stats;asset=page.css", "GET /stats;events",
		"GET /stats;history=app/s1", "POST /stats;act", "GET /stats;classic"} {
		for _, field := range []string{"X-None: 1", basic("ops:wrong"), basic("other:secret")} {
			a := &answer{}
			w.answer(a, asked(t, "stats", line, "action=maint&backend=app&server=s1", true, field, "Accept: text/html"))
			if a.status != 401 || !strings.Contains(a.fields, "WWW-Authenticate") {
				t.Errorf("%s with %s: %d", line, field, a.status)
			}
		}
	}
	if w.bes["app"].Server("s1").State().Admin.Maint() {
		t.Error("an order without a password was carried out")
	}
}

func TestThePageRunsNothingButItsOwn(t *testing.T) {
	w := newWorld(t, fleetConfig)
	a := w.get("stats", "/stats;live", ops)
	for _, part := range []string{"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';", "frame-ancestors 'none'", "X-Content-Type-Options: nosniff"} {
		if !strings.Contains(a.fields, part) {
			t.Errorf("the fields lack %q: %q", part, a.fields)
		}
	}
	if strings.Contains(a.fields, "unsafe") {
		t.Errorf("the policy is not strict: %q", a.fields)
	}
	for _, part := range []string{"<style", " style=", " onclick=", "javascript:", "//cdn", "https://"} {
		if strings.Contains(a.String(), part) {
			t.Errorf("the page has %q", part)
		}
	}
}

func TestTheAssets(t *testing.T) {
	w := newWorld(t, strings.Replace(fleetConfig, "stats uri /stats\n\tstats auth", "stats uri /haproxy?stats\n\tstats auth", 1))
	names, err := fs.Glob(web.Files, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		a := w.get("stats", "/haproxy?stats;asset="+name, ops)
		switch {
		case name == "index.html":
			if a.status != 404 {
				t.Errorf("the template is an asset: %d", a.status)
			}
		case a.status != 200 || a.String() == "":
			t.Errorf("%s: %d", name, a.status)
		case strings.Contains(a.String(), `"./`):
			t.Errorf("%s imports from where nothing is", name)
		case strings.HasSuffix(name, ".js") && strings.Contains(a.String(), "import ") && !strings.Contains(a.String(), `"/haproxy?stats;asset=`):
			t.Errorf("%s: %.300s", name, a.String())
		}
	}
	for _, name := range []string{"web.go", "../web.go", "none.js", "", "%2e%2e/x.js"} {
		if a := w.get("stats", "/haproxy?stats;asset="+name, ops); a.status != 404 {
			t.Errorf("%q: %d", name, a.status)
		}
	}
}

func TestActionsAreOnThePageOfWhoMayActOnly(t *testing.T) {
	w := newWorld(t, fleetConfig)
	for _, admin := range []bool{true, false} {
		a := &answer{}
		w.answer(a, asked(t, "stats", "GET /stats;live", "", admin, ops))
		for _, part := range []string{"act.js", `id="ask"`, `data-order="drain"`} {
			if got := strings.Contains(a.String(), part); got != admin {
				t.Errorf("admin %v: the page has %s: %v", admin, part, got)
			}
		}
	}
}

func TestTheHistoryOfAServer(t *testing.T) {
	w := newWorld(t, fleetConfig)
	w.turn(1000)
	w.request("app/s1", 200)
	w.request("app/s1", 500)
	w.turn(1001)
	w.turn(1002)
	a := w.get("stats", "/stats;history=app%2Fs1", ops)
	var p past
	if err := json.Unmarshal([]byte(a.String()), &p); err != nil {
		t.Fatal(err)
	}
	if p.From != 1000 || !slices.Equal(p.Reqs, []int64{0, 2, 0}) || !slices.Equal(p.Errs, []int64{0, 1, 0}) || p.P50[0] != -1 || p.P50[1] <= 0 || p.P50[2] <= 0 || states[p.State[2]] != "going-down" {
		t.Errorf("%+v", p)
	}
	for _, name := range []string{"app/s9", "none/s1", "app", ""} {
		if a := w.get("stats", "/stats;history="+name, ops); a.status != 404 {
			t.Errorf("%q: %d", name, a.status)
		}
	}
}

// A page with `stats scope` shows, and changes, what is in it alone.
func TestAScopeBoundsThePage(t *testing.T) {
	w := newWorld(t, strings.Replace(fleetConfig, "\tstats auth", "\tstats scope .\n\tstats scope app\n\tstats auth", 1))
	w.turn(1000)
	w.turn(1001)
	page := w.cfg.Proxies[1].Stats
	f := w.Board.fleet(page)
	if len(f.fronts) != 1 || f.fronts[0].Name != "stats" || len(f.backends) != 1 || f.backends[0].Name() != "app" || len(f.servers) != 3 {
		t.Errorf("%d frontends, %d backends, %d servers", len(f.fronts), len(f.backends), len(f.servers))
	}
	for name, status := range map[string]int{"app/s1": 200, "cache/c1": 404} {
		if a := w.get("stats", "/stats;history="+name, ops); a.status != status {
			t.Errorf("the history of %s: %d", name, a.status)
		}
	}
	a := &answer{}
	w.answer(a, asked(t, "stats", "POST /stats;act", "action=maint&backend=cache&server=c1", true, ops))
	if a.status != 409 || !strings.Contains(a.String(), noServer) || w.bes["cache"].Server("c1").State().Admin.Maint() {
		t.Errorf("an order for a hidden server: %d %s", a.status, a.String())
	}
	w.Board.src.Events.Add(events.Event{Proxy: "cache", Text: "hidden"})
	w.Board.src.Events.Add(events.Event{Proxy: "app", Text: "shown"})
	follower, _ := w.begin("/stats;events")
	eventually(t, "the event that is shown", func() bool { return strings.Contains(follower.String(), "shown") })
	if text := follower.String(); strings.Contains(text, "hidden") || strings.Contains(text, "cache") {
		t.Errorf("the page is told of what it does not show: %s", text)
	}
}
