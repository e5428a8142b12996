package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bascule/test/loopback"
	"bascule/test/running"
)

// scrapedConfig has a metrics path, two servers and traffic that is not HTTP. Nothing ends
// by its time, and no check fails, however busy the machine is.
const scrapedConfig = `
global
	stats socket $DIR/sock mode 600 level admin
defaults
	mode http
	timeout connect 30s
	timeout client 5m
	timeout server 5m
	timeout check 1m
frontend site
	bind $IP:8001
	option socket-stats
	default_backend app
backend app
	balance roundrobin
	option httpchk GET /s/200
	server s1 $SERVER check inter 5s
	server s2 $SERVER check inter 5s
listen raw
	mode tcp
	bind $IP:8002
	server r1 $RAW
frontend metrics
	bind $IP:8003
	http-request use-service prometheus-exporter if { path /metrics }
`

// scraped starts a proxy with traffic of all kinds behind it.
func scraped(t *testing.T, start func(*testing.T, string) *proxy) *proxy {
	t.Helper()
	s, raw := serve(t, false), serve(t, true)
	p := start(t, strings.NewReplacer("$SERVER", s.addr, "$RAW", raw.addr).Replace(scrapedConfig))
	p.alone(8001, func(c *client) {
		for range 10 {
			c.get(200, "GET", "/s/200")
		}
		c.get(101, "GET", "/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
	})
	return p
}

// metrics is what a scrape of the proxy gives.
func (p *proxy) metrics(query string) string {
	p.t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: tr, Timeout: patience}).Get("http://" + net.JoinHostPort(p.IP, "8003") + "/metrics" + query)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// unlike are what promtool says of names that HAProxy gave them: programs read
// those names, so they stay.
var unlike = []string{`haproxy_process_failed_resolutions counter metrics should have "_total" suffix`}

func TestPromtoolFindsNothingElse(t *testing.T) {
	p := scraped(t, bascule)
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(p.metrics(""))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var said *exec.ExitError // it finds something
	if err := cmd.Run(); err != nil && !errors.As(err, &said) {
		t.Fatalf("promtool is needed (make deps installs it): %v", err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if found[line] = true; !slices.Contains(unlike, line) {
			t.Errorf("promtool says %q", line)
		}
	}
	for _, line := range unlike {
		if !found[line] {
			t.Errorf("promtool does not say %q any more", line)
		}
	}
}

// TestPrometheusTellsThePercentilesOfEachServer has Debian's Prometheus read the
// metrics and answer what a person would ask.
func TestPrometheusTellsThePercentilesOfEachServer(t *testing.T) {
	p := scraped(t, bascule)
	dir := t.TempDir()
	addr := net.JoinHostPort(loopback.Address(), "9090")
	alerts, err := filepath.Abs(deploy + "prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global:\n  scrape_interval: 200ms\n  evaluation_interval: 200ms\nrule_files: [%q]\nscrape_configs:\n  - job_name: bascule\n    static_configs:\n      - targets: [%q]\n",
		alerts, net.JoinHostPort(p.IP, "8003"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	running.Start(t, "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=error")
	c := p.dial(8001)
	const p99 = `histogram_quantile(0.99, sum by (le, proxy, server) (rate(bascule_server_total_time_seconds_bucket{proxy="app"}[1m])))`
	p.Await("a p99 of each server", func() bool {
		c.get(200, "GET", "/s/200")
		c.get(200, "GET", "/s/200")
		got := query(addr, p99)
		return got["s1"] > 0 && got["s1"] < 60 && got["s2"] > 0 && got["s2"] < 60
	})
	p.Await("a healthy target", func() bool { return query(addr, `up{job="bascule"}`)[""] == 1 })
	for what, expr := range expressions(t) {
		if what[0] != '$' && query(addr, variables.Replace(expr)) == nil { // a variable's is Grafana's own language
			t.Errorf("Prometheus does not take %s", what)
		}
	}
}

// query asks Prometheus; values by the label server. It is nil if it does not
// answer, or not to that.
func query(addr, expr string) map[string]float64 {
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: tr, Timeout: patience}).Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var answer struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if json.NewDecoder(res.Body).Decode(&answer) != nil || answer.Status != "success" {
		return nil
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		s, _ := r.Value[1].(string)
		values[r.Metric["server"]], _ = strconv.ParseFloat(s, 64) // what is no number is 0
	}
	return values
}
