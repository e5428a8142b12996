package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mistyped are lines that someone saved too early or wrote wrong: the words cut after
// each of them, one of them left out, empty, or a number that none should be.
func mistyped(words []string) []string {
	var list []string
	for n := range words {
		list = append(list, strings.Join(words[:n+1], " "))
		for _, put := range [][]string{nil, {`""`}, {"-1"}, {"99999999999999999999"}, {","}} {
			list = append(list, strings.Join(slices.Replace(slices.Clone(words), n, n+1, put...), " "))
		}
	}
	return list
}

// Each line of each file that is held against HAProxy, mistyped, is read or refused,
// and what is wrong has a place and a text.
func TestALineThatIsMistypedIsReadOrRefused(t *testing.T) {
	paths, err := filepath.Glob("../../test/config/*/*.cfg")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		section := ""
		for text := range strings.Lines(string(data)) {
			words := strings.Fields(text)
			if len(words) == 0 || strings.HasPrefix(words[0], "#") {
				continue
			}
			before := section + "    "
			if strings.HasPrefix(text, words[0]) {
				before = ""
				section = strings.TrimRight(text, "\n") + "\n"
			}
			for _, wrong := range mistyped(words) {
				wrong = before + wrong + "\n"
				if seen[wrong] {
					continue
				}
				seen[wrong] = true
				cfg, p := loadText(t, wrong, sealed())
				if (cfg == nil) != (p.Alerts() > 0) {
					t.Errorf("%s: %q: config %v with %d alerts", path, wrong, cfg, p.Alerts())
				}
				for _, q := range p.List {
					if q.Pos.File != "" && (q.Pos.Line < 1 || q.Pos.Line > 2 || q.Text == "") {
						t.Errorf("%s: %q: problem without a place: %+v", path, wrong, q)
					}
				}
			}
		}
	}
	if len(seen) < 10_000 {
		t.Errorf("only %d lines were tried", len(seen))
	}
}
