package stats

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"bascule/internal/backend"
)

func families(t *testing.T, s string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	m, err := p.TextToMetricFamilies(strings.NewReader(s))
	if err != nil {
		t.Fatalf("not Prometheus' text form: %v", err)
	}
	return m
}

func (w *world) metrics(query string) string {
	w.t.Helper()
	var b bytes.Buffer
	if err := WritePrometheus(&b, w.src, ParseSelection(query)); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

// series lists the labels of a family's series, sorted.
func series(f *dto.MetricFamily) string {
	var list []string
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
		}
		list = append(list, strings.Join(labels, ","))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func TestMetricsAreHAProxys(t *testing.T) {
	o := newOracle(t)
	theirs, ours := families(t, o.scrape("")), families(t, o.metrics(""))
	if len(theirs) < 180 {
		t.Errorf("haproxy has %d families; is that all of them?", len(theirs))
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		want, got := theirs[name], ours[name]
		switch {
		case got == nil:
			t.Errorf("no %s", name)
		case got.GetType() != want.GetType():
			t.Errorf("%s is a %s, haproxy says %s", name, got.GetType(), want.GetType())
		case name != "haproxy_process_build_info" && series(got) != series(want):
			t.Errorf("%s has\n%s\nhaproxy has\n%s", name, series(got), series(want))
		case got.GetHelp() == "":
			t.Errorf("%s has no help", name)
		}
	}
	for name, want := range theirs {
		if !strings.HasPrefix(name, "haproxy_process_") && ours[name] != nil && !moves.MatchString(name) {
			if got, want := values(ours[name]), values(want); got != want {
				t.Errorf("%s\n%s\nhaproxy says\n%s", name, got, want)
			}
		}
	}
}

// moves are the metrics that depend on when they are read, and an estimate
// that begins at 1 in haproxy.
var moves = regexp.MustCompile(`_last_change_|_downtime_|_check_duration_|_need_connections_`)

// values lists the series with their values, but those of the proxy that is
// asked for the metrics.
func values(f *dto.MetricFamily) string {
	var list []string
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetValue())
		}
		if labels[0] == "web" {
			continue
		}
		v := m.GetGauge().GetValue() + m.GetCounter().GetValue()
		list = append(list, fmt.Sprint(strings.Join(labels, "/"), " ", v))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func TestMetricsHaveTheValuesOfTheFields(t *testing.T) {
	w := newWorld(t, smallConfig)
	w.fes["web"].Counters.Add(0, backend.Reply4xx, 9)
	w.bes["app"].Times.Add(0, 0, 0, 1500, 1500)
	w.check("app/s1", 3, backend.Result{Status: backend.CheckL7STS, Code: 503, Duration: 12e6})
	out := w.metrics("")
	for _, line := range []string{
		`haproxy_frontend_http_responses_total{proxy="web",code="4xx"} 9`,
		`haproxy_backend_response_time_average_seconds{proxy="app"} 1.500`,
		`haproxy_server_status{proxy="app",server="s1",state="DOWN"} 1`,
		`haproxy_server_status{proxy="app",server="s1",state="UP"} 0`,
		`haproxy_server_check_status{proxy="app",server="s1",state="L7STS"} 1`,
		`haproxy_server_check_code{proxy="app",server="s1"} 503`,
		`haproxy_server_check_duration_seconds{proxy="app",server="s1"} 0.012`,
		`haproxy_backend_agg_server_status{proxy="app",state="DOWN"} 1`,
		`haproxy_backend_agg_check_status{proxy="app",state="L7STS"} 1`,
		`haproxy_server_limit_sessions{proxy="app",server="s1"} NaN`,
		`haproxy_process_build_info{version="3.2.0"} 1`,
		fmt.Sprintf("haproxy_process_start_time_seconds %d", w.proc.Start.Unix()),
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(out, `haproxy_server_check_status{proxy="odd.name"`) {
		t.Error("a server without checks has a check status")
	}
}

func TestAScrapeMayAskForAPart(t *testing.T) {
	w := newWorld(t, strings.Replace(smallConfig, "frontend web\n", "frontend web\n\toption socket-stats\n", 1))
	w.order("app/s2", backend.Maint)
	scopes := func(out string) string {
		var list []string
		for _, s := range []string{"process", "frontend", "listener", "backend", "server"} {
			if strings.Contains(out, "\nhaproxy_"+s+"_") {
				list = append(list, s)
			}
		}
		return strings.Join(list, " ")
	}
	for _, tt := range []struct{ query, want string }{
		{"", "process frontend listener backend server"},
		{"scope=server", "server"},
		{"scope=frontend&scope=backend", "frontend backend"},
		{"scope=*&scope=", ""},
		{"scope=&scope=global", "process"},
		{"scope=server&scope=*", "process frontend listener backend server"},
		{"scope=listener", "listener"},
		{"metrics=haproxy_server_status,haproxy_process_jobs", "process server"},
		{"unknown=1", "process frontend listener backend server"},
	} {
		if got := scopes(w.metrics(tt.query)); got != tt.want {
			t.Errorf("?%s gives %q, want %q", tt.query, got, tt.want)
		}
	}
	if out := w.metrics("metrics=-haproxy_server_status"); strings.Contains(out, "haproxy_server_status") || !strings.Contains(out, "haproxy_server_weight") {
		t.Error("metrics=-NAME does not leave out that one alone")
	}
	if out := w.metrics("no-maint"); strings.Contains(out, `server="s2"`) || !strings.Contains(out, `server="s1"`) {
		t.Error("no-maint does not leave out servers in maintenance alone")
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	got := string(appendLabel(nil, "proxy", "a\"b\\c\nd"))
	if want := `proxy="a\"b\\c\nd"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
