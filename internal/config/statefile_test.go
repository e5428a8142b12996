package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// aboutState finds what is said of state files, whatever stands in front.
var aboutState = regexp.MustCompile(`(?m)(?:config: |Proxy '|backend '|server-state ).*state.*$`)

// TestWrongStateFilesAreToldOfAsByHAProxy compares warnings: both start anyway.
func TestWrongStateFilesAreToldOfAsByHAProxy(t *testing.T) {
	const good = "1 b 1 s 127.0.0.1 2 0 1 1 1 6 3 4 6 0 0 0 - 9 - 0 0 - - 0\n"
	for name, c := range map[string]struct{ file, global, backend string }{
		"as it should be":   {file: "1\n# names\n" + good},
		"no file":           {global: " server-state-file /nowhere/state\n"},
		"not set":           {global: "\n"},
		"local":             {global: " server-state-base /nowhere\n", backend: " load-server-state-from-file local\n"},
		"local, named":      {global: " server-state-base /nowhere\n", backend: " load-server-state-from-file local\n server-state-file-name x\n"},
		"local, its name":   {global: " server-state-base /nowhere\n", backend: " load-server-state-from-file local\n server-state-file-name use-backend-name\n"},
		"none":              {global: "\n", backend: " load-server-state-from-file none\n"},
		"version":           {file: "2\n" + good},
		"no version":        {file: "x\n" + good},
		"empty":             {file: ""},
		"a short line":      {file: "1\n# names\n\n" + good + "1 b 1 s\n"},
		"words for numbers": {file: "1\n" + strings.Replace(good, " 2 0 1 1 1 6 3 4 6 0 0 0 ", " a b c d e f g h i j k l ", 1)},
		"out of range":      {file: "1\n" + strings.Replace(good, " 2 0 1 1 1 6 3 4 6 0 0 0 - 9 ", " 4 9 257 300 1 99 9 4 32 32 2 2 - 70000 ", 1)},
		"port of checks":    {file: "1\n" + strings.Replace(good, "9 - 0 0 -", "9 - 0 70000 -", 1)},
		"address of checks": {file: "1\n" + strings.Replace(good, "9 - 0 0 -", "9 - 0 5 foo", 1)},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "state"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		global := c.global
		if global == "" {
			global = " server-state-file " + filepath.Join(dir, "state") + "\n"
		}
		text := "global\n" + global + "defaults\n" + timeouts + "    load-server-state-from-file global\nfrontend f\n bind unix@" + dir + "/s\nbackend b\n" + c.backend + " server s 127.0.0.1:9 check\n"
		path := filepath.Join(dir, "t.cfg")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, p := Load([]string{path}, Env{LookupHost: loopback})
		if cfg == nil {
			t.Errorf("%s: refused: %s", name, printed(p))
			continue
		}
		got, want := aboutState.FindAllString(printed(p), -1), aboutState.FindAllString(haproxyCheck(t, path), -1)
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", name, got, want)
		}
	}
}
