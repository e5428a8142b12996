package stats

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"bascule/internal/backend"
	"bascule/internal/stream"
	"bascule/internal/wire"
)

const pageConfig = smallConfig + `frontend stats
	bind 127.0.0.1:9100
	stats enable
	stats uri /stats
	stats refresh 10s
	stats show-node edge
	stats show-legends
	stats show-desc Lab <fleet>
frontend closed
	bind 127.0.0.1:9101
	stats uri /
	stats hide-version
	stats realm The\ \"lab\"
	stats auth ops:secret
	stats auth dev:other
`

// void are the elements of HTML that have no end tag; XML wants one.
var void = regexp.MustCompile(`<(meta|link|input)([^>]*)>`)

func (w *world) page(frontend, line string, fields ...string) *answer {
	w.t.Helper()
	a := &answer{}
	Page{Source: w.src}.answer(a, asked(w.t, frontend, line, fields...))
	return a
}

func TestThePageShowsEveryProxy(t *testing.T) {
	w := newWorld(t, pageConfig)
	w.check("app/s1", 3, backend.Result{Status: backend.CheckL4CON, Info: "Connection refused"})
	w.check("app/s2", 1, backend.Result{Status: backend.CheckL4OK})
	a := w.page("stats", "GET /stats")
	if a.status != 200 || !strings.Contains(a.fields, "Refresh: 10\r\n") || !strings.Contains(a.fields, "Content-Type: text/html") ||
		!strings.Contains(a.fields, "Content-Security-Policy: default-src 'none'") {
		t.Errorf("status %d, fields %q", a.status, a.fields)
	}
	d := xml.NewDecoder(strings.NewReader(void.ReplaceAllString(a.String(), "<$1$2/>")))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the page's tags do not match: %v", err)
		}
	}
	for _, part := range []string{
		`<tbody id="web">`, `<tbody id="app">`, `<tbody id="odd.name">`,
		`<tr class="down" id="app/s1"><th class="name" title="127.0.0.1:9001, cookie c1">s1</th>`,
		`<tr class="up" id="app/s2">`, `<tr class="no-check" id="odd.name/b1">`, `<tr class="own" id="app/Backend">`,
		"L4CON in 0 ms", "Connection refused", "bascule 3.2.0", "Statistics of ", "Lab &lt;fleet&gt;", "balance roundrobin",
		`href="/stats;csv;norefresh"`, `href="/stats;up"`, `href="/stats;norefresh"`,
	} {
		if !strings.Contains(a.String(), part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func TestOptionsBehindTheURI(t *testing.T) {
	w := newWorld(t, pageConfig)
	w.check("app/s1", 3, backend.Result{Status: backend.CheckL4CON})
	for _, tt := range []struct{ target, fields, has, hasNot string }{
		{"/stats;csv", "Content-Type: text/plain\r\nRefresh: 10", "# pxname,svname,", "<html"},
		{"/stats;csv;norefresh", "Content-Type: text/plain\r\n", "\napp,s1,", "Refresh"},
		{"/stats;norefresh;csv;up", "", "\napp,s2,", "\napp,s1,"},
		{"/stats?;csv", "", "\napp,s1,", "<html"},
		{"/stats;csv;scope=app", "", "\napp,s1,", "\nweb,"},
		{"/stats?scope=app", "text/html", `id="app"`, `id="web"`},
		{"/stats?scope=%3Cscript%3E", "text/html", "&lt;script&gt;", "<script>"},
		{"/stats;json", "Content-Type: application/json", `"objType":"Server"`, "<html"},
		{"/stats;typed", "Content-Type: text/plain", ".svname.1:KNS:str:BACKEND", "<html"},
		{"/stats;up", "text/html", "Show all servers", `id="app/s1"`},
		{"/stats;norefresh", "text/html", "Refresh every 10s", "Stop refreshing"},
		{"/statsxcsv", "text/html", "<html", "# pxname"},
	} {
		a := w.page("stats", "GET "+tt.target)
		if a.status != 200 || !strings.Contains(a.fields, tt.fields) {
			t.Errorf("%s: status %d, fields %q", tt.target, a.status, a.fields)
		}
		all := a.fields + a.String()
		if !strings.Contains(all, tt.has) || strings.Contains(all, tt.hasNot) {
			t.Errorf("%s: wanted %q and no %q in\n%.800s", tt.target, tt.has, tt.hasNot, all)
		}
	}
}

func TestTheFormLeadsBackToThePage(t *testing.T) {
	w := newWorld(t, strings.Replace(pageConfig, "stats uri /stats\n", "\n", 1))
	a := w.page("stats", "GET /haproxy?stats")
	if want := `action="/haproxy"><input type="hidden" name="stats" value="">`; !strings.Contains(a.String(), want) {
		t.Errorf("the page lacks %s", want)
	}
	if a = w.page("stats", "GET /haproxy?stats=&scope=app"); strings.Contains(a.String(), `id="web"`) || !strings.Contains(a.String(), `id="app"`) {
		t.Error("what the form sends does not choose proxies")
	}
	if a = w.page("stats", "GET /haproxy?stats;csv;norefresh"); !strings.HasPrefix(a.String(), "# pxname") {
		t.Errorf("%.100q is no CSV", a.String())
	}
}

func TestThePageAsksForAPassword(t *testing.T) {
	w := newWorld(t, pageConfig)
	basic := func(s string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s))
	}
	for _, tt := range []struct {
		field string
		want  int
	}{
		{"X-None: 1", 401}, {basic("ops:wrong"), 401}, {basic("ops"), 401}, {"Authorization: Basic ???", 401},
		{strings.Replace(basic("ops:secret"), "Basic", "Bearer", 1), 401},
		{basic("ops:secret"), 200}, {basic("dev:other"), 200}, {strings.Replace(basic("dev:other"), "Basic", "basic", 1), 200},
	} {
		a := w.page("closed", "GET /;csv", tt.field)
		if a.status != tt.want {
			t.Errorf("%s: %d, want %d", tt.field, a.status, tt.want)
		}
		if a.status == 401 && (strings.Contains(a.String(), "web") || !strings.Contains(a.fields, `WWW-Authenticate: Basic realm="The \"lab\""`)) {
			t.Errorf("%s: fields %q, body %q", tt.field, a.fields, a.String())
		}
	}
	if a := w.page("closed", "GET /", basic("ops:secret")); strings.Contains(a.String(), "3.2.0") {
		t.Error("hide-version does not hide it")
	}
}

func TestWhatChangesNothingIsAnswered(t *testing.T) {
	w := newWorld(t, pageConfig)
	if a := w.page("stats", "POST /stats"); a.status != 405 || !strings.Contains(a.fields, "Allow: GET, HEAD") {
		t.Errorf("POST: %d %q", a.status, a.fields)
	}
	if a := w.page("stats", "HEAD /stats"); a.status != 200 {
		t.Errorf("HEAD: %d", a.status)
	}
	if a := w.page("web", "GET /elsewhere"); a.status != 404 {
		t.Errorf("a page that is not configured: %d", a.status)
	}
	a := &answer{}
	Prometheus{w.src}.answer(a, asked(t, "web", "GET /metrics?scope=global"))
	if a.status != 200 || !strings.Contains(a.fields, "Content-Type: text/plain; version=0.0.4\r\n") || !strings.Contains(a.String(), "haproxy_process_nbthread 2\n") {
		t.Errorf("metrics: %d %q %.100q", a.status, a.fields, a.String())
	}
}

func TestABackendsPageIsFound(t *testing.T) {
	w := newWorld(t, strings.Replace(smallConfig, "cookie SRV insert", "cookie SRV insert\n\tstats uri /app-stats", 1))
	if a := w.page("web", "GET /app-stats;csv"); a.status != 200 || !strings.Contains(a.String(), "\napp,BACKEND,") {
		t.Errorf("%d %.100q", a.status, a.String())
	}
}

// front serves a service over net/http, as a frontend would.
func front(t *testing.T, serve func(a answerer, r *stream.Asked)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &stream.Asked{Frontend: "stats", From: netip.MustParseAddrPort(r.RemoteAddr)}
		if q.Req.Parse([]byte("GET "+r.RequestURI+" HTTP/1.1\r\nHost: lab\r\n\r\n"), nil) != wire.Done {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a := &answer{}
		serve(a, q)
		for line := range strings.SplitSeq(strings.TrimSuffix(a.fields, "\r\n"), "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.String())
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
