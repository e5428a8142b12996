package config

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// haproxyTime bounds one `haproxy -c`.
const haproxyTime = 20 * time.Second

// haproxyCheck runs Debian's haproxy on a file and gives what it says.
func haproxyCheck(t *testing.T, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), haproxyTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "haproxy", "-c", "-f", path)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("haproxy is needed as the oracle: %v", err)
	}
	return out.String()
}

var wrongPlace = regexp.MustCompile(`^\[(ALERT|WARNING)\].*\[[^]]*:(\d+)\] ?: .*(not allowed|ignored because|ignored in backends|only available in|not available|only allowed in)`)

// younger is what HAProxy 2.6 says to keywords of later versions, and to ours.
var younger = regexp.MustCompile(`(?m)^\[ALERT\].*\[[^]]*:(\d+)\] ?: (?:unknown (?:keyword|option)|negation/default is not supported for option|'timeout' supports) '`)

// placements says by line how keywords in the wrong section are taken.
func placements(output string) map[string]string {
	found := map[string]string{}
	for _, text := range strings.Split(output, "\n") {
		if m := wrongPlace.FindStringSubmatch(text); m != nil {
			found[m[2]] = m[1]
		}
	}
	return found
}

func TestAKeywordInTheWrongSectionIsTakenAsHAProxyTakesIt(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "503.http")
	if err := os.WriteFile(page, []byte("HTTP/1.0 503 Sorry\r\nContent-Type: text/plain\r\n\r\nsorry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"defaults d", "frontend x", "backend x", "listen x"} {
		lines := []string{head}
		for _, kw := range table().all {
			if kw.In&inProxy != 0 && kw.Status == Done && !strings.HasPrefix(kw.Example, ".if feature(BASCULE)") { // those haproxy does not read
				lines = append(lines, strings.Split(strings.ReplaceAll(kw.Example, "503.http", page), "\n")...)
			}
		}
		path := filepath.Join(dir, "t.cfg")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, p := Load([]string{path}, Env{LookupHost: loopback})
		said := haproxyCheck(t, path)
		got, want := placements(printed(p)), placements(said)
		for _, m := range younger.FindAllStringSubmatch(said, -1) {
			delete(got, m[1])
		}
		if len(want) == 0 && head != "listen x" {
			t.Errorf("%s: haproxy found nothing in the wrong section", head)
		}
		for i, text := range lines {
			if n := strconv.Itoa(i + 1); got[n] != want[n] {
				t.Errorf("%q in %q: got %q, haproxy says %q", text, head, got[n], want[n])
			}
		}
	}
}
