package guard

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notNames are words that other proxies and frameworks use for what HAProxy,
// and so this tree, names differently, and words that say nothing.
var notNames = []string{
	"service", "services", "pool", "pools", "upstream", "upstreams", "cluster", "target", "targets",
	"node", "nodes", "origin", "peer", "peers", "host", "hosts", "vhost", "transaction", "exchange",
	"filter", "filters", "middleware", "healthcheck", "heartbeat", "affinity", "pipe", "mux", "driver",
	"manager", "helper", "helpers", "util", "utils", "impl", "common", "misc", "shared", "base",
}

func TestPackageNamesAreHAProxysWords(t *testing.T) {
	for _, f := range tree(t) {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		if slices.Contains(notNames, name) {
			t.Errorf("%s: package %s: GLOSSARY.md has the word for it", f.path, name)
		}
		if dir := filepath.Base(filepath.Dir(f.path)); name != "main" && f.pkg() != "" && name != dir {
			t.Errorf("%s: package %s in directory %s", f.path, name, dir)
		}
	}
}

// notWords are what a reader of the project can make nothing of: places of the
// machine it was written on, and talk about how it was written.
var notWords = []*regexp.Regexp{
	regexp.MustCompile(`(^|[^A-Za-z0-9_/.])/wo` + `rk/`),
	regexp.MustCompile(`\.\./sha` + `red\b`),
	regexp.MustCompile(`/tm` + `p/brief`),
	regexp.MustCompile(`(?i)\bissue #?[0-9]+\b`),
	regexp.MustCompile(`(?i)\bTO` + `DO\b|\bFIX` + `ME\b|\bX` + `XX\b`),
}

func TestTrackedFilesSpeakOfTheProjectAlone(t *testing.T) {
	for _, name := range tracked(t) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed in the work tree, not yet in git
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 || strings.HasPrefix(name, "tools/go.") || name == "go.sum" {
			continue
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			for _, word := range notWords {
				if found := word.Find(line); found != nil {
					t.Errorf("%s:%d: %q", name, i+1, found)
				}
			}
		}
	}
}
