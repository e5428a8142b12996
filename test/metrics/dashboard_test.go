package metrics

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"bascule/internal/stats"
)

// deploy is where what ships for Prometheus and Grafana lies.
const deploy = "../../deploy/"

// A panel of a dashboard.
type panel struct {
	Title, Type string
	Targets     []struct{ Expr string }
}

// expressions are those of the shipped dashboard, by what they are for.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(deploy + "grafana/latency.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title, UID string
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Panels []panel
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || len(d.Panels) == 0 {
		t.Fatalf("a dashboard without a title, a uid or panels")
	}
	list := map[string]string{}
	for _, v := range d.Templating.List {
		if v.Definition != "" {
			list["$"+v.Name] = v.Definition
		}
	}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			list[p.Title+": "+target.Expr] = target.Expr
		}
	}
	return list
}

var metricName = regexp.MustCompile(`\b(haproxy|bascule)_[a-z0-9_]+`)

// TestEveryMetricThatIsAskedForExists: in the dashboard and in the alerts.
func TestEveryMetricThatIsAskedForExists(t *testing.T) {
	known := map[string]bool{}
	for _, f := range stats.Families() {
		known[f.Name] = true
		if f.Type == "histogram" {
			delete(known, f.Name)
			known[f.Name+"_bucket"], known[f.Name+"_sum"], known[f.Name+"_count"] = true, true, true
		}
	}
	rules, err := os.ReadFile(deploy + "prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	list := expressions(t)
	list["alerts"] = string(rules)
	for what, text := range list {
		names := metricName.FindAllString(text, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for no metric", what)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s asks for %s, which does not exist", what, name)
			}
		}
	}
}

func TestPromtoolTakesTheRules(t *testing.T) {
	out, err := exec.Command("promtool", "check", "rules", deploy+"prometheus/alerts.yml").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = exec.Command("promtool", "check", "config", deploy+"prometheus/prometheus.yml").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// variables are the dashboard's, as Grafana would fill them in.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$frontend", ".*", "$backend", ".*", "$server", ".*")
