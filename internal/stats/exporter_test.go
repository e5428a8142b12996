package stats

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/test/loopback"
)

// TestTheExporterReadsTheCSV runs Debian's prometheus-haproxy-exporter against
// the page's ;csv.
func TestTheExporterReadsTheCSV(t *testing.T) {
	w := newWorld(t, pageConfig)
	w.fes["web"].Counters.Add(0, backend.Reply2xx, 12)
	w.check("app/s1", 3, backend.Result{Status: backend.CheckL4CON, Info: `refused, "again"`})
	w.check("app/s2", 1, backend.Result{Status: backend.CheckL4OK})
	uri := front(t, Page{Source: w.src}.answer) + "/stats;csv"
	out := export(t, uri)
	for _, line := range []string{
		"haproxy_up 1",
		"haproxy_exporter_csv_parse_failures 0",
		`haproxy_server_up{backend="app",server="s1"} 0`,
		`haproxy_server_up{backend="app",server="s2"} 1`,
		`haproxy_server_up{backend="odd.name",server="b1"} 1`,
		`haproxy_frontend_http_responses_total{code="2xx",frontend="web"} 12`,
		`haproxy_backend_up{backend="app"} 1`,
	} {
		name, value, _ := strings.Cut(line, " ")
		if !strings.Contains(out, line+"\n") && !strings.Contains(out, strings.Replace(name, "_failures", "_failures_total", 1)+" "+value+"\n") {
			t.Errorf("no line %s in\n%s", line, lines(out, "haproxy_up", "_failures", "server_up", "backend_up"))
		}
	}
}

// export runs the exporter and returns its metrics.
func export(t *testing.T, uri string) string {
	t.Helper()
	addr := loopback.Address() + ":8000"
	var stderr bytes.Buffer
	cmd := exec.Command("prometheus-haproxy-exporter", "--haproxy.scrape-uri="+uri, "--web.listen-address="+addr)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("prometheus-haproxy-exporter is needed: %v", err)
	}
	ended := make(chan struct{})
	go func() { // ends with the exporter
		defer close(ended)
		_ = cmd.Wait()
	}()
	defer func() { _ = cmd.Process.Kill(); <-ended }()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		res, err := c.Get("http://" + addr + "/metrics")
		if err == nil {
			b, err := io.ReadAll(res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		select {
		case <-ended:
			t.Fatalf("the exporter has ended: %s", stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the exporter does not answer: %v", err)
		}
	}
}

// lines are those that hold one of the words.
func lines(s string, words ...string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		for _, w := range words {
			if strings.Contains(line, w) && !strings.HasPrefix(line, "#") {
				b.WriteString(line)
				break
			}
		}
	}
	return b.String()
}
