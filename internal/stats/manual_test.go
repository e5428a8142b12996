package stats

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"bascule/internal/backend"
)

const manual = "../../docs/metrics.md"

// section puts text between two comments of a page.
func section(t *testing.T, page, begin, end, text string) string {
	t.Helper()
	head, rest, ok := strings.Cut(page, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q", manual, begin)
	}
	return head + begin + "\n" + text + end + tail
}

// TestTheManualNamesEveryMetric keeps the tables of the manual as the metrics are;
// UPDATE=1 writes them.
func TestTheManualNamesEveryMetric(t *testing.T) {
	page, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	var names strings.Builder
	fmt.Fprint(&names, "| name | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range Families() {
		fmt.Fprintf(&names, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, strings.Join(f.Labels, ", "), f.Text)
	}
	want := section(t, string(page), "<!-- counts: written by the test of internal/stats with UPDATE=1 -->", "<!-- end of counts -->", countSeries(t))
	want = section(t, want, "<!-- names: written by the test of internal/stats with UPDATE=1 -->", "<!-- end of names -->", names.String())
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s is not as the metrics are: UPDATE=1 go test ./internal/stats writes it", manual)
	}
}

// countSeries counts what one more of each adds to a scrape.
func countSeries(t *testing.T) string {
	t.Helper()
	const one = "defaults\n\tmode http\n\ttimeout connect 1s\n\ttimeout client 1s\n\ttimeout server 1s\nfrontend f\n\tbind 127.0.0.1:80\n\toption socket-stats\n" +
		"backend b\n\tserver s1 127.0.0.1:81 check agent-check agent-port 82\n"
	w := newWorld(t, one)
	for fe, f := range w.fes {
		var s backend.Spent
		s.Set(backend.PhaseWebSocket, 1)
		f.Latency.Add(0, &s)
		w.spend(fe, "b/s1", backend.PhaseWebSocket, 1)
	}
	w.check("b/s1", 1, backend.Result{Status: backend.CheckL7OK, Code: 200})
	w.src.Loops = func() []LoopFacts { return make([]LoopFacts, 1) }
	var b strings.Builder
	fmt.Fprint(&b, "| for each | series | of them in histograms |\n|---|---|---|\n")
	for _, scope := range []struct{ query, prefix, what string }{
		{"scope=global", "haproxy_process_", "process"}, {"scope=global", "bascule_loop_", "loop"}, {"scope=frontend", "", "frontend"}, {"scope=listener", "", "listener"},
		{"scope=backend", "", "backend"}, {"scope=server", "", "server"},
	} {
		all, buckets := 0, 0
		for line := range strings.Lines(w.metrics(scope.query)) {
			name, _, _ := strings.Cut(line, " ")
			loops := strings.HasPrefix(name, "bascule_loop_")
			if strings.HasPrefix(line, "#") || loops != (scope.what == "loop") {
				continue
			}
			all++
			if strings.Contains(name, "_bucket{") {
				buckets++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d |\n", scope.what, all, buckets)
	}
	return b.String()
}

// TestFamiliesAreWhatAScrapeHas holds the list of names to a scrape.
func TestFamiliesAreWhatAScrapeHas(t *testing.T) {
	w := newWorld(t, strings.Replace(smallConfig, "frontend web\n", "frontend web\n\toption socket-stats\n", 1)+"\tserver b2 127.0.0.1:9 check agent-check agent-port 10\n")
	w.spend("web", "app/s1", backend.PhaseWebSocket, 1)
	w.check("app/s1", 1, backend.Result{Status: backend.CheckL7OK, Code: 200})
	w.src.Loops = func() []LoopFacts { return make([]LoopFacts, 1) }
	w.proc.Reloads, w.proc.LastReload = 1, w.proc.Start
	listed := map[string]Family{}
	for _, f := range Families() {
		if _, twice := listed[f.Name]; twice {
			t.Errorf("%s twice", f.Name)
		}
		listed[f.Name] = f
	}
	scraped := families(t, w.metrics(""))
	for name, f := range scraped {
		l, ok := listed[name]
		if kind := strings.ToLower(f.GetType().String()); !ok || l.Type != kind || l.Text != f.GetHelp() {
			t.Errorf("%s, a %s, %q, is listed as %+v", name, kind, f.GetHelp(), l)
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, pair.GetName())
			}
			if !slices.Equal(labels, l.Labels) {
				t.Errorf("%s has labels %q, listed %q", name, labels, l.Labels)
			}
		}
	}
	now := map[string]bool{} // those that are there only while something goes on
	for i := range metrics {
		now["bascule_server_"+metrics[i].name] = metrics[i].own && metrics[i].skip
	}
	for name := range listed {
		if scraped[name] == nil && !now[name] {
			t.Errorf("a scrape has no %s", name)
		}
	}
}
