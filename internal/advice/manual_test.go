package advice

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bascule/internal/config"
)

var codeBlock = regexp.MustCompile("(?s)```\\w*\n(.*?)```")

// TestTheManualTakesItsOwnAdvice loads every whole configuration of the pages, and
// those of examples.
func TestTheManualTakesItsOwnAdvice(t *testing.T) {
	pages, _ := filepath.Glob("../../docs/*.md") // the pattern is good
	loaded := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeBlock.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "\nfrontend ") || !strings.Contains(m[1], "timeout client") {
				continue
			}
			loaded++
			path := filepath.Join(t.TempDir(), "manual.cfg")
			if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, problems := config.Load([]string{path}, config.System())
			if cfg == nil {
				t.Errorf("%s: %v", page, problems.List)
				continue
			}
			for _, f := range Give(cfg) {
				t.Errorf("%s, line %d of\n%s: %s", page, f.At.Line, m[1], f.Text)
			}
		}
	}
	if loaded == 0 {
		t.Error("no configuration was found")
	}
}
