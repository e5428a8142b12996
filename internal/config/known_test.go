package config

import (
	"bufio"
	"compress/gzip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// oracleManual is HAProxy's own list of what there is to know.
const oracleManual = "/usr/share/doc/haproxy/configuration.txt.gz"

// chapters cuts the manual at its headings; the key is a number such as 5.2.
func chapters(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open(oracleManual)
	if err != nil {
		t.Fatalf("Debian's haproxy is needed as the oracle: %v", err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`^(\d+(?:\.\d+)*)\.? +\S`)
	found, number := map[string][]string{}, ""
	var last string
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		text := lines.Text()
		if strings.HasPrefix(text, "---") {
			if m := heading.FindStringSubmatch(last); m != nil {
				number = m[1]
			}
		}
		found[number] = append(found[number], text)
		last = text
	}
	return found
}

func TestEveryKeywordOfHAProxysManualIsKnown(t *testing.T) {
	manual := chapters(t)
	check := func(chapter string, in Section, pattern string, atLeast int) {
		t.Helper()
		re, n := regexp.MustCompile(pattern), 0
		for _, text := range manual[chapter] {
			m := re.FindStringSubmatch(text)
			if m == nil {
				continue
			}
			n++
			name := strings.TrimSpace(m[1])
			known := slices.ContainsFunc(table().byName[name], func(kw *Keyword) bool { return kw.In&in != 0 }) || table().families[name]
			if !known {
				t.Errorf("chapter %s: %s is not in the table", chapter, name)
			}
		}
		if n < atLeast {
			t.Errorf("chapter %s: only %d keywords were found", chapter, n)
		}
	}
	check("3", InGlobal, `^   - ([a-z0-9._-]+)`, 150)
	check("4.1", inProxy, `^([a-z][a-z0-9 _-]+?)(?:  +\(\S+\))?  +[X-]( \(!\))?  +[X-]  +[X-]  +[X-]`, 150)
	check("5.1", OnBind, `^([a-z0-9][a-z0-9-]*)(?: [<\[{].*)?$`, 50)
	check("5.2", OnServer, `^([a-z0-9][a-z0-9-]*)(?: [<\[{].*)?$`, 80)
}
