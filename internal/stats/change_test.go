package stats

import (
	"strings"
	"testing"

	"bascule/internal/backend"
)

const changeConfig = `
frontend web
	bind 127.0.0.1:80
	mode http
	timeout client 1s
	stats uri /stats
	stats admin if { src 127.0.0.1 }
	default_backend app
backend app
	mode http
	timeout connect 1s
	timeout server 1s
	server s1 127.0.0.1:81
	server s2 127.0.0.1:82
`

// hiddenConfig is a backend that a page with a scope does not show.
const hiddenConfig = `
backend hidden
	mode http
	timeout connect 1s
	timeout server 1s
	server h1 127.0.0.1:83
`

func TestAFormChangesServers(t *testing.T) {
	for _, c := range []struct {
		name, body, field string
		admin, whole      bool
		want              string
		maint             string // servers in maintenance afterwards
	}{
		{"one server", "s=s1&action=maint&b=app", "X: 1", true, true, "DONE", "s1"},
		{"both, by number", "s=s1&s=s2&action=maint&b=%233", "X: 1", true, true, "DONE", "s1 s2"},
		{"a browser's own form", "s=s1&action=maint&b=app", "Sec-Fetch-Site: same-origin", true, true, "DONE", "s1"},
		{"another site's form", "s=s1&action=maint&b=app", "Sec-Fetch-Site: cross-site", true, true, "DENY", ""},
		{"one is unknown", "s=s1&s=s9&action=maint&b=app", "X: 1", true, true, "PART", "s1"},
		{"all are unknown", "s=s9&action=maint&b=app", "X: 1", true, true, "UNKN", ""},
		{"no server", "action=maint&b=app", "X: 1", true, true, "NONE", ""},
		{"unknown action", "s=s1&action=explode&b=app", "X: 1", true, true, "ERRP", ""},
		{"unknown backend", "s=s1&action=maint&b=other", "X: 1", true, true, "ERRP", ""},
		{"a backend out of the scope", "s=h1&action=maint&b=hidden", "X: 1", true, true, "ERRP", ""},
		{"no form", "%zz", "X: 1", true, true, "ERRP", ""},
		{"not permitted", "s=s1&action=maint&b=app", "X: 1", false, true, "DENY", ""},
		{"too large", "s=s1&action=maint&b=app", "X: 1", true, false, "EXCD", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, strings.Replace(changeConfig, "stats uri", "stats scope app\n\tstats uri", 1)+hiddenConfig)
			r := asked(t, "web", "POST /stats", c.field)
			r.Admin, r.Body, r.Whole = c.admin, []byte(c.body), c.whole
			a := &answer{}
			var told []*Order
			Page{Source: w.src, Audit: func(o *Order) { told = append(told, o) }}.answer(a, r)
			if len(told) != 1 || told[0].Done != (c.want == "DONE") || told[0].Result == "" || told[0].From != r.From.String() {
				t.Errorf("told of %+v", told)
			}
			if a.status != 303 || !strings.Contains(a.fields, "Location: /stats;st="+c.want+"\r\n") {
				t.Errorf("got %d %q, want st=%s", a.status, a.fields, c.want)
			}
			var maint []string
			for _, srv := range append(w.bes["app"].Servers(), w.bes["hidden"].Servers()...) {
				if srv.State().Admin&backend.ForcedMaint != 0 {
					maint = append(maint, srv.Name)
				}
			}
			if got := strings.Join(maint, " "); got != c.maint {
				t.Errorf("in maintenance: %q, want %q", got, c.maint)
			}
		})
	}
}

func TestThePageOffersWhatItMayChange(t *testing.T) {
	w := newWorld(t, changeConfig)
	page := w.page("web", "GET /stats;st=DONE").String()
	for _, part := range []string{`<form method="post" action="/stats" id="change-3">`, `name="s" value="s2" form="change-3"`, `<option value="drain">`, "The change is made."} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	plain := newWorld(t, strings.Replace(changeConfig, "	stats admin if { src 127.0.0.1 }\n", "", 1)).page("web", "GET /stats").String()
	if strings.Contains(plain, `method="post"`) || strings.Contains(plain, "checkbox") {
		t.Error("a page that may change nothing has a form")
	}
}

// TestEveryActionOfHAProxysFormIsThere has the form's words do what they say, and
// not where there is nothing to be changed so.
func TestEveryActionOfHAProxysFormIsThere(t *testing.T) {
	w := newWorld(t, changeConfig+`	server full 127.0.0.1:83 check agent-check agent-port 84
	server follows 127.0.0.1:85 track full
`)
	full, bare, follows := w.server("app/full"), w.server("app/s1"), w.server("app/follows")
	var ended []string
	w.src.Shutdown = func(s *backend.Server) { ended = append(ended, s.Name) }
	do := func(action string, srv *backend.Server) string {
		r := asked(t, "web", "POST /stats", "X: 1")
		r.Admin, r.Body, r.Whole = true, []byte("s="+srv.Name+"&action="+action+"&b=app"), true
		a := &answer{}
		Page{Source: w.src}.answer(a, r)
		_, word, _ := strings.Cut(a.fields, ";st=")
		return word[:4]
	}
	state := full.State
	for _, step := range []struct {
		action string
		is     func() bool
		on     *backend.Server
		not    *backend.Server // that has nothing of the kind
	}{
		{"maint", func() bool { return state().Admin.Maint() }, full, nil},
		{"drain", func() bool { return state().Admin.Drain() && !state().Admin.Maint() }, full, nil},
		{"ready", func() bool { return !state().Admin.Drain() }, full, nil},
		{"dhlth", func() bool { return !state().Check.Enabled }, full, bare},
		{"ehlth", func() bool { return state().Check.Enabled }, full, bare},
		{"hdown", func() bool { return state().Op == backend.Stopped }, full, follows},
		{"hnolb", func() bool { return state().Op == backend.Stopping }, full, follows},
		{"hrunn", func() bool { return state().Op == backend.Running }, full, follows},
		{"adown", func() bool { return !state().AgentUp }, full, bare},
		{"arunn", func() bool { return state().AgentUp }, full, bare},
		{"dagent", func() bool { return !state().Agent.Enabled }, full, bare},
		{"adown", func() bool { return state().AgentUp }, nil, full},
		{"eagent", func() bool { return state().Agent.Enabled }, full, bare},
		{"shutdown", func() bool { return strings.Join(ended, " ") == "full" }, full, nil},
	} {
		if step.not != nil {
			if got := do(step.action, step.not); got != "UNKN" {
				t.Errorf("%s of %s: %s", step.action, step.not.Name, got)
			}
		}
		if step.on != nil {
			if got := do(step.action, step.on); got != "DONE" {
				t.Errorf("%s: %s", step.action, got)
			}
		}
		if !step.is() {
			t.Errorf("%s did not do what it says: %+v", step.action, state())
		}
		if page := w.page("web", "GET /stats").String(); !strings.Contains(page, `<option value="`+step.action+`">`) {
			t.Errorf("the form does not offer %s", step.action)
		}
	}
}

func TestAnOrderFitsOnALine(t *testing.T) {
	for _, c := range []struct {
		o    Order
		want string
	}{
		{Order{Action: "maint", Backend: "app", Servers: []string{"s1"}}, "maint of app/s1"},
		{Order{Action: "drain", Backend: "app", Servers: []string{"s1", "s2"}, How: "within 30s"}, "drain of app/s1, app/s2 within 30s"},
		{Order{Action: "ready", Backend: "app"}, "ready of app"},
		{Order{Action: "x\ny", Backend: "\x1b[2J", Servers: []string{"\"é"}, How: "to \r"}, `x\ny of \x1b[2J/\"\u00e9 to \r`},
		{Order{Action: strings.Repeat("a", 200), Backend: "b", Servers: strings.Fields(strings.Repeat("s ", 20))}, strings.Repeat("a", maxWord) + " of " + strings.Repeat("b/s, ", 16) + "4 more"},
	} {
		if got := c.o.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
