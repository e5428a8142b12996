package rule

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestExamplesParse compiles the example of every keyword that works.
func TestExamplesParse(t *testing.T) {
	examples := &Library{ReadFile: exampleFile, Proxy: "l"}
	done := 0
	for _, k := range Keywords() {
		if k.Planned || k.Example == "" {
			continue
		}
		done++
		t.Run(k.Kind+" "+k.Name, func(t *testing.T) {
			if _, p := compileIn(t, k.Example, &ACLs{Library: examples}, &ParseEnv{Library: examples, Proxy: "proxy 'l'", Front: true, Back: true, ReadFile: os.ReadFile, AddCapture: func(int) int { return 0 }}); len(p.List) > 0 {
				t.Errorf("%s: %v", k.Example, p.List[0].Text)
			}
		})
	}
	if done < 150 {
		t.Errorf("only %d examples", done)
	}
}

func TestEveryKeywordHasATextAndAPlace(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range Keywords() {
		id := k.Kind + " " + k.Name
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if !slices.Contains(kindOrder, strings.Fields(k.Kind)[0]) {
			t.Errorf("%s has no place", id)
		}
		if !k.Planned && k.Text == "" && k.Kind != "format tag" {
			t.Errorf("%s has no text", id)
		}
	}
}

func TestPlannedKeywordsAreRefusedByName(t *testing.T) {
	for line, want := range map[string]string{
		"acl x ssl_fc_client_random -m found":          "fetch 'ssl_fc_client_random' is known but not supported yet",
		"http-request set-header X %[path,xxh3]":       "converter 'xxh3' is known but not supported yet",
		"http-request track-sc0 src":                   "action 'track-sc0' is known but not supported yet",
		"http-request set-header X %tsc":               "format variable 'tsc' is known but not supported yet",
		"http-request deny if RDP_COOKIE":              "predefined ACL 'RDP_COOKIE' is known but not supported yet",
		"http-request set-header X \"%{+json}[path]\"": "the encoding json is for log formats",
	} {
		_, p := compileLine(t, line, &ACLs{})
		if p.Alerts() != 1 || !strings.Contains(p.List[0].Text, want) {
			t.Errorf("%s: got %v, want %q", line, p.List, want)
		}
	}
}

func TestNearestWordIsNamed(t *testing.T) {
	for line, want := range map[string]string{
		"acl x path_bge /a":                      "path_beg",
		"acl x pth /a":                           "path",
		"acl x path -m bge /a":                   "beg",
		"http-request set-hedaer X y":            "set-header",
		"http-request set-header X %[path,lowr]": "lower",
		"http-request deny if METH_GTE":          "METH_GET",
	} {
		_, p := compileLine(t, line, &ACLs{})
		if len(p.List) == 0 || p.List[0].Near != want {
			t.Errorf("%s: got %+v, want %s", line, p.List, want)
		}
	}
}

// exampleFile stands for the map files that examples name: their names say
// what is in them.
func exampleFile(name string) ([]byte, error) {
	key, value := "/a", "text"
	if strings.HasPrefix(name, "numbers") {
		key = "80"
	}
	if strings.HasPrefix(name, "networks") {
		key = "192.0.2.0/24"
	}
	if strings.Contains(name, "-to-numbers") {
		value = "5"
	}
	if strings.Contains(name, "-to-addresses") {
		value = "192.0.2.1"
	}
	if !strings.HasSuffix(name, ".map") {
		return os.ReadFile(name)
	}
	return []byte(key + " " + value + "\n"), nil
}
