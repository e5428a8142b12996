package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/lang"
)

// printed is what -c would say.
func printed(p *lang.Problems) string {
	var b strings.Builder
	_ = WriteProblems(&b, p, 1)
	return b.String()
}

// loadText loads one file with this text.
func loadText(t *testing.T, text string, env Env) (*Config, *lang.Problems) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load([]string{path}, env)
}
