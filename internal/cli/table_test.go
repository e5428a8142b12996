package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheTablesAreWhatIsParsed: the man page and the completion name every flag and
// command, and no others.
func TestTheTablesAreWhatIsParsed(t *testing.T) {
	table, parsed := strings.Fields(spelled(flagTable)), slices.Clone(attached)
	table = append(table, ignored...)
	for name := range takesValue {
		parsed = append(parsed, name)
	}
	for name := range switches {
		parsed = append(parsed, name)
	}
	same(t, "flags", table, append(parsed, "-sf", "-st"))
	for _, o := range flagTable {
		_, takes := takesValue[o.names]
		if takes != (o.value != "" && o.names != "-sf" && o.names != "-st") {
			t.Errorf("%s: the table says its value is %q", o.names, o.value)
		}
	}
	table, parsed = nil, []string{"run"}
	for _, c := range commandTable {
		table = append(table, c.name)
		if c.name == "explain" {
			want := []string{"--json"}
			for name := range explainFlags {
				want = append(want, name)
			}
			same(t, "options of explain", strings.Fields(spelled(c.options)), want)
		}
	}
	for name := range commands {
		parsed = append(parsed, name)
	}
	same(t, "commands", table, parsed)
}

func same(t *testing.T, what string, table, parsed []string) {
	t.Helper()
	slices.Sort(table)
	slices.Sort(parsed)
	if !slices.Equal(table, parsed) {
		t.Errorf("%s: in the tables %q, parsed are %q", what, table, parsed)
	}
}

// TestTheManPageIsRightForMan asks groff, as man does.
func TestTheManPageIsRightForMan(t *testing.T) {
	var page, said bytes.Buffer
	if err := writeMan(&page); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bascule.1")
	if err := os.WriteFile(path, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", path)
	cmd.Env, cmd.Stderr = append(os.Environ(), "MANWIDTH=80", "MANROFFSEQ=", "GROFF_NO_SGR=1", "LC_ALL=C.UTF-8"), &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("man: %v\n%s", err, said.String())
	}
	shown := unstruck(string(out))
	for _, want := range []string{"--http-version", "-Ws", "WATCHDOG_USEC"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page does not show %s:\n%s", want, shown)
		}
	}
}

// unstruck takes away what terminals print over: "x\bx" is a bold x.
func unstruck(text string) string {
	var b []rune
	for _, r := range text {
		if r == '\b' {
			b = b[:len(b)-1]
			continue
		}
		b = append(b, r)
	}
	return string(b)
}
