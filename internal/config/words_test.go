package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rawWords stand behind `.notice` in a file that both programs read: each is one
// word, or a mistake.
var rawWords = []string{
	`plain`, `"double quoted"`, `'single quoted'`, `a"b c"d`, `a'b c'd`, `one\ two`, `a\\b`, `a\#b`, `a#comment`, `a #comment`, `"a#b"`, `'a#b'`,
	`\"`, `\'`, `"\""`, `"'"`, `'"'`, `'\'`, `"a\\b"`, `'a\\b'`, `a\tb`, `a\nb`, `a\x41b`, `"a\x41b"`, `'a\x41'`, `\x`, `\xZ1`, `a\xZZ`, `\q`, `\.`, `^\.js$`,
	`$HOME`, `'$HOME'`, `\$HOME`, `"\$HOME"`, `"$CFGTEST_SET"`, `"${CFGTEST_SET}"`, `"<${CFGTEST_SET}>"`, `"$CFGTEST_SET.x"`, `"${CFGTEST_UNSET}x"`,
	`"${CFGTEST_UNSET-default value}"`, `"${CFGTEST_SET-default}"`, `"${CFGTEST_EMPTY-default}"`, `"${CFGTEST_UNSET-}"`, `"${.LINE}"`, `"${.SECTION}"`,
	`"x${CFGTEST_ONE[*]}y"`, `"${CFGTEST_UNSET[*]}z"`, `"${CFGTEST_ONE[*]-d}"`,
	`"$"`, `"${"`, `"${}"`, `"$1"`, `"${1}"`, `"${A"`, `"${A!}"`, `"${A[*}"`, `"${A[1]}"`, `"$ "`, `"$-"`, `"unclosed`, `'unclosed`, `a"b`, `"a'b"c'd"e'`, `""`, `''`, `""x`,
	`a\`, `"a\`, `a\ `, "tab\there", `two words`, `"${CFGTEST_TWO[*]}"`, `a"${CFGTEST_TWO[*]}"b`, `"$CFGTEST_TWO"`, `"${CFGTEST_BLANKS[*]}"`, `"${CFGTEST_BLANKS[*]}y"`, `\r`, `é`, "\x01",
}

var noticeLine = regexp.MustCompile(`(?ms)^\[(NOTICE|ALERT)\] +\(\d+\) : config : parsing \[[^]]*:(\d+)\] ?: (.*?)$`)

// said is what a program says by line: the word, or the mistake.
func said(output string) map[string]string {
	lines := map[string]string{}
	for _, m := range noticeLine.FindAllStringSubmatch(output, -1) {
		lines[m[2]] = m[1] + " " + strings.TrimSuffix(m[3], ":")
	}
	return lines
}

func TestWordsAreCutAsHAProxyCutsThem(t *testing.T) {
	t.Setenv("CFGTEST_SET", "a value")
	t.Setenv("CFGTEST_EMPTY", "")
	t.Setenv("CFGTEST_ONE", "one")
	t.Setenv("CFGTEST_TWO", "one two")
	t.Setenv("CFGTEST_BLANKS", "  x  ")
	var b strings.Builder
	for _, raw := range rawWords {
		fmt.Fprintf(&b, ".notice %s\n", raw)
	}
	path := filepath.Join(t.TempDir(), "w.cfg")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, p := Load([]string{path}, Env{})
	got, want := said(printed(p)), said(haproxyCheck(t, path))
	if len(want) < len(rawWords)/2 {
		t.Fatalf("haproxy said only %d lines", len(want))
	}
	for i, raw := range rawWords {
		n := fmt.Sprint(i + 1)
		theirs := strings.NewReplacer("\r", "?", "\x01", "?").Replace(want[n]) // we keep them from the terminal
		if got[n] != theirs {
			t.Errorf("%s: got %q, haproxy says %q", raw, got[n], theirs)
		}
	}
}
