package drill

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	activeactive "bascule/examples/active-active"
)

func TestConfigurationsOfTheDrillAreValidForHAProxy(t *testing.T) {
	for name, opt := range map[string]LabOptions{
		"the same file": {Faults: true}, "best options": {Faults: true, Best: true},
	} {
		text, err := configure(activeactive.Config, opt)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "haproxy.cfg")
		page := filepath.Join(dir, "503.http")
		for path, data := range map[string][]byte{path: text, page: activeactive.Error503} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(haproxy(t), "-c", "-f", path)
		cmd.Env = append(os.Environ(), "BASCULE_503="+page)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
		if got := strings.Contains(string(text), "retry-on all-retryable-errors"); got != opt.Best {
			t.Errorf("%s: retry-on %v, want %v", name, got, opt.Best)
		}
	}
}

func TestConfigurationWithoutAnExpectedLineIsRefused(t *testing.T) {
	_, err := configure([]byte("defaults\n    timeout connect 5s\n"), LabOptions{Faults: true})
	if err == nil || !strings.Contains(err.Error(), "timeout server 60s") {
		t.Errorf("got %v, want the line that is missing", err)
	}
}
