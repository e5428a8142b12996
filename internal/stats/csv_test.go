package stats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"bascule/internal/backend"
)

// A sheet is the CSV form, read.
type sheet struct {
	header []string
	rows   [][]string
}

func parseCSV(t *testing.T, s string) sheet {
	t.Helper()
	r := csv.NewReader(strings.NewReader(s))
	all, err := r.ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("no CSV: %v\n%s", err, s)
	}
	all[0][0] = strings.TrimPrefix(all[0][0], "# ")
	return sheet{all[0], all[1:]}
}

// names lists the rows.
func (s sheet) names() string {
	var list []string
	for _, r := range s.rows {
		list = append(list, r[0]+"/"+r[1])
	}
	return strings.Join(list, " ")
}

// cell finds a value by row ("api/a1") and field.
func (s sheet) cell(t *testing.T, row, field string) string {
	t.Helper()
	for _, r := range s.rows {
		if i := indexOf(s.header, field); r[0]+"/"+r[1] == row && i < len(r) {
			return r[i]
		}
	}
	t.Fatalf("no field %s in a row %s", field, row)
	return ""
}

func (w *world) sheet(f Filter) sheet {
	w.t.Helper()
	var b bytes.Buffer
	if err := WriteCSV(&b, Rows(w.src, f)); err != nil {
		w.t.Fatal(err)
	}
	return parseCSV(w.t, b.String())
}

const smallConfig = `global
	maxconn 100
	stats socket /nowhere level admin
defaults
	mode http
	timeout connect 1s
	timeout client 1s
	timeout server 1s
frontend web
	bind 127.0.0.1:8080
	default_backend app
	use_backend odd.name if { path /odd }
backend app
	balance roundrobin
	cookie SRV insert
	server s1 127.0.0.1:9001 check cookie c1
	server s2 127.0.0.1:9002 check weight 10 slowstart 10s
backend odd.name
	server b1 [::1]:9003
`

func TestEveryLineEndsWithACommaAndHasAllFields(t *testing.T) {
	w := newWorld(t, smallConfig)
	var b bytes.Buffer
	if err := WriteCSV(&b, Rows(w.src, Filter{Legends: true})); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "# pxname,svname,qcur,") {
		t.Errorf("the header is %.60q", b.String())
	}
	for line := range strings.Lines(b.String()) {
		if !strings.HasSuffix(line, ",\n") {
			t.Errorf("%q does not end with a comma", line)
		}
	}
	s := w.sheet(Filter{Legends: true})
	for _, r := range s.rows {
		if len(r) != len(Fields)+1 {
			t.Errorf("%s/%s has %d fields, want %d", r[0], r[1], len(r)-1, len(Fields))
		}
	}
	if got, want := s.names(), "web/FRONTEND app/s1 app/s2 app/BACKEND odd.name/b1 odd.name/BACKEND"; got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if got := s.cell(t, "odd.name/b1", "addr"); got != "[::1]:9003" {
		t.Errorf("addr = %q", got)
	}
}

func TestCountersAreReadWhereTheyAreCounted(t *testing.T) {
	w := newWorld(t, smallConfig)
	fe, be, srv := w.fes["web"], w.bes["app"], w.server("app/s1")
	fe.Counters.Add(0, backend.Conns, 3)
	fe.Counters.Add(0, backend.Requests, 5)
	fe.Counters.Add(0, backend.Reply2xx, 4)
	fe.Counters.Add(0, backend.DeniedReq, 1)
	fe.Cur.Enter()
	fe.Cur.Enter()
	fe.Cur.Leave()
	be.Queue.Enter()
	be.Times.Add(0, 1, 2, 30, 44)
	be.Counters.Add(0, backend.Connects, 1) // its own, so that they outlast a removed server
	srv.Counters.Add(0, backend.Connects, 2)
	srv.Counters.Add(0, backend.LBTotal, 7)
	srv.Counters.Add(0, backend.BytesOut, 1<<40)
	srv.IdleConns.Add(0, 2)
	s := w.sheet(Filter{})
	for _, tt := range []struct{ row, field, want string }{
		{"web/FRONTEND", "conn_tot", "3"}, {"web/FRONTEND", "req_tot", "5"}, {"web/FRONTEND", "h1req", "5"},
		{"web/FRONTEND", "hrsp_2xx", "4"}, {"web/FRONTEND", "dreq", "1"},
		{"web/FRONTEND", "scur", "1"}, {"web/FRONTEND", "smax", "2"}, {"web/FRONTEND", "slim", "100"},
		{"app/BACKEND", "qcur", "1"}, {"app/BACKEND", "slim", "10"}, {"app/BACKEND", "weight", "11"},
		{"app/BACKEND", "qtime", "1"}, {"app/BACKEND", "ctime", "2"}, {"app/BACKEND", "rtime", "30"}, {"app/BACKEND", "ttime", "44"},
		{"app/BACKEND", "rtime_max", "30"}, {"app/BACKEND", "connect", "1"}, {"app/BACKEND", "lastsess", "-1"},
		{"app/s1", "lbtot", "7"}, {"app/s1", "bout", "1099511627776"}, {"app/s1", "srv_icur", "2"}, {"app/s1", "connect", "2"},
		{"app/s1", "addr", ""}, {"app/s1", "cookie", ""}, {"app/BACKEND", "algo", ""},
	} {
		if got := s.cell(t, tt.row, tt.field); got != tt.want {
			t.Errorf("%s of %s = %q, want %q", tt.field, tt.row, got, tt.want)
		}
	}
	Clear(w.src, false)
	s = w.sheet(Filter{})
	if got, total := s.cell(t, "web/FRONTEND", "smax"), s.cell(t, "web/FRONTEND", "conn_tot"); got != "1" || total != "3" {
		t.Errorf("after clear counters smax %s, conn_tot %s; want 1 and 3", got, total)
	}
	Clear(w.src, true)
	s = w.sheet(Filter{})
	if got := s.cell(t, "web/FRONTEND", "conn_tot") + s.cell(t, "app/s1", "bout") + s.cell(t, "app/BACKEND", "ttime_max"); got != "000" {
		t.Errorf("after clear counters all conn_tot, bout, ttime_max = %s", got)
	}
}

func TestTheStateOfAServerIsToldInHAProxysWords(t *testing.T) {
	w := newWorld(t, smallConfig)
	ok := backend.Result{Status: backend.CheckL4OK}
	bad := backend.Result{Status: backend.CheckL4CON, Info: "Connection refused"}
	w.check("app/s2", 1, ok)
	steps := []struct {
		name  string
		do    func()
		field string
		want  string
	}{
		{"before its first check", func() {}, "status", "UP 1/3"},
		{"after a success", func() { w.check("app/s1", 1, ok) }, "status", "UP"},
		{"after a failure", func() { w.check("app/s1", 1, bad) }, "status", "UP 2/3"},
		{"then its health", func() {}, "check_health", "3"},
		{"after three", func() { w.check("app/s1", 2, bad) }, "status", "DOWN"},
		{"then what was seen", func() {}, "last_chk", "Connection refused"},
		{"and the count", func() {}, "chkfail", "3"},
		{"on its way up", func() { w.check("app/s1", 1, ok) }, "status", "DOWN 1/2"},
		{"drained", func() { w.check("app/s1", 1, ok); w.order("app/s1", backend.Drain) }, "status", "DRAIN"},
		{"in maintenance", func() { w.order("app/s1", backend.Maint) }, "status", "MAINT"},
		{"where no check says anything", func() {}, "check_status", ""},
		{"but counts stay", func() {}, "chkdown", "2"},
	}
	for _, s := range steps {
		s.do()
		if got := w.sheet(Filter{}).cell(t, "app/s1", s.field); got != s.want {
			t.Errorf("%s: %s is %q, want %q", s.name, s.field, got, s.want)
		}
	}
	w.order("app/s2", backend.Maint)
	if got := w.sheet(Filter{}).cell(t, "app/BACKEND", "status"); got != "DOWN" {
		t.Errorf("a backend with all servers in maintenance is %s", got)
	}
	w.order("app/s2", backend.Ready)
	if got := w.sheet(Filter{}).cell(t, "app/s2", "throttle"); got == "" || got == "100" {
		t.Errorf("a server in its slowstart has throttle %q", got)
	}
}

func TestFiltersChooseRows(t *testing.T) {
	w := newWorld(t, smallConfig)
	w.check("app/s1", 1, backend.Result{Status: backend.CheckL4CON})
	w.order("app/s2", backend.Maint)
	id := 0
	for _, px := range w.cfg.Proxies {
		if px.Name == "app" {
			id = px.ID
		}
	}
	for _, tt := range []struct {
		name, want string
		f          Filter
	}{
		{"up hides what is down or in maintenance", "web/FRONTEND app/BACKEND odd.name/b1 odd.name/BACKEND", Filter{Up: true}},
		{"no-maint hides maintenance only", "web/FRONTEND app/s1 app/BACKEND odd.name/b1 odd.name/BACKEND", Filter{NoMaint: true}},
		{"a proxy", "app/s1 app/s2 app/BACKEND", Filter{Proxy: id}},
		{"servers of it", "app/s1 app/s2", Filter{Proxy: id, Kinds: 1 << Server}},
		{"one server", "app/s2", Filter{Proxy: id, Kinds: 1 << Server, Server: 2}},
		{"scope", "app/s1 app/s2 app/BACKEND", Filter{Scope: "pp"}},
		{"nothing", "", Filter{Scope: "zzz"}},
	} {
		if got := w.sheet(tt.f).names(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAFullFrontendSaysSo(t *testing.T) {
	w := newWorld(t, strings.Replace(smallConfig, "bind 127", "maxconn 1\n\tbind 127", 1))
	w.fes["web"].Cur.Enter()
	if got := w.sheet(Filter{}).cell(t, "web/FRONTEND", "status"); got != "FULL" {
		t.Errorf("status %q, want FULL", got)
	}
	w.fes["web"].Cur.Leave()
	if got := w.sheet(Filter{}).cell(t, "web/FRONTEND", "status"); got != "OPEN" {
		t.Errorf("status %q, want OPEN", got)
	}
	w.proc.Stopping = true
	if got := w.sheet(Filter{}).cell(t, "web/FRONTEND", "status"); got != "STOP" {
		t.Errorf("status %q, want STOP", got)
	}
}

func TestJSONHasHAProxysShape(t *testing.T) {
	w := newWorld(t, smallConfig)
	var b bytes.Buffer
	if err := WriteJSON(&b, Rows(w.src, Filter{})); err != nil {
		t.Fatal(err)
	}
	var rows [][]struct {
		ObjType   string
		ProxyID   int
		Field     struct{ Name string }
		Tags      struct{ Origin, Nature, Scope string }
		Value     struct{ Type string }
		ProcessNo int `json:"processNum"`
	}
	if err := json.Unmarshal(b.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 6 {
		t.Fatalf("%d rows, want 6", len(rows))
	}
	v := rows[1][2]
	if v.ObjType != "Server" || v.Field.Name != "qcur" || v.Tags.Origin != "Metric" || v.Tags.Nature != "Gauge" ||
		v.Tags.Scope != "Process" || v.Value.Type != "u32" || v.ProcessNo != 1 {
		t.Errorf("qcur of s1 = %+v", v)
	}
	for _, f := range Fields {
		for i := range 3 {
			if f.Tags.word(i) == "" {
				t.Errorf("%s: tag %q has no word", f.Name, f.Tags)
			}
		}
	}
}

func TestTextsThatWouldBeAmbiguousAreQuoted(t *testing.T) {
	w := newWorld(t, smallConfig)
	info := "said \"no\", twice\nand left"
	w.check("app/s1", 1, backend.Result{Status: backend.CheckL7STS, Code: 500, Info: info})
	var b bytes.Buffer
	if err := WriteCSV(&b, Rows(w.src, Filter{})); err != nil {
		t.Fatal(err)
	}
	if want := `,"said ""no"", twice` + "\nand left\","; !strings.Contains(b.String(), want) {
		t.Errorf("%q is not in\n%s", want, b.String())
	}
	if got := parseCSV(t, b.String()).cell(t, "app/s1", "last_chk"); got != info {
		t.Errorf("last_chk read back as %q", got)
	}
}
