package guard

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxArchitectureLines keeps the map of the tree readable in one sitting.
const maxArchitectureLines = 200

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func TestArchitectureNamesEveryPackage(t *testing.T) {
	text := read(t, "ARCHITECTURE.md")
	if n := strings.Count(text, "\n"); n >= maxArchitectureLines {
		t.Errorf("ARCHITECTURE.md has %d lines; it stays below %d", n, maxArchitectureLines)
	}
	for _, name := range internalPackages(t) {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(text) {
			t.Errorf("ARCHITECTURE.md does not name package %s", name)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// TestLinksBetweenDocumentsLead follows every relative link of the Markdown files.
func TestLinksBetweenDocumentsLead(t *testing.T) {
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if to := m[1]; !strings.Contains(to, "://") && !strings.HasPrefix(to, "mailto:") {
				if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), to)); err != nil {
					t.Errorf("%s links to %s, which is not there", name, to)
				}
			}
		}
	}
}
