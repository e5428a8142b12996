package cli

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// written is a completion.
func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// files is a directory with something to complete.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a file.cfg", "other.cfg"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBashCompletes has bash itself complete lines, whose last word is the one that
// is being typed.
func TestBashCompletes(t *testing.T) {
	script := written(t, writeBash)
	dir := files(t)
	tests := []struct {
		line []string
		want string
	}{
		{[]string{"ch"}, "check"},
		{[]string{"re"}, "reload"},
		{[]string{"-W"}, "-W -Ws"},
		{[]string{"check", "--"}, "--json --advice"},
		{[]string{"check", "a"}, "a file.cfg"},
		{[]string{"-f", "o"}, "other.cfg"},
		{[]string{"reload", "-s", "o"}, "other.cfg"},
		{[]string{"explain", "--ht"}, "--http-version"},
		{[]string{"explain", "--src", ""}, ""},
		{[]string{"drill", "l"}, "limits"},
		{[]string{"fleet", ""}, "api stream"},
		{[]string{"ctl", "show", "se"}, "servers sess"},
		{[]string{"ctl", "show", "servers", ""}, "conn drain state"},
		{[]string{"ctl", "get", ""}, "var weight"},
		{[]string{"ctl", "--"}, "--socket --json --raw"},
		{[]string{"doc", "--m"}, "--man"},
	}
	for _, tt := range tests {
		cmd := exec.Command("bash", append([]string{"--norc", "-c", script + `
			COMP_WORDS=(bascule "$@") COMP_CWORD=$#
			_bascule
			printf '%s\n' "${COMPREPLY[*]}"`, "bash"}, tt.line...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%q: %v, completed to %q, want %q", tt.line, err, got, tt.want)
		}
	}
}

// patience bounds what a shell may take.
const patience = 2 * time.Minute

// zshScript types each argument and Tab at a zsh on a terminal of its own, and prints
// what was run then. A marker is written in two pieces where it is typed, so that its
// echo is not taken for it.
const zshScript = `zmodload zsh/zpty
zpty z "zsh -f -i"
zpty -w z "PS1='RE''ADY>'"
zpty -r z out '*READY>*'
zpty -w z "fpath=($PWD \$fpath); autoload -Uz compinit; compinit -D -u; bascule() { print -r -- \"ra\"\"n:\${(j:|:)@}:end\" }; PS1='D''ONE>'"
zpty -r z out '*DONE>*'
for line in "$@"; do
    zpty -w z "bascule $line"$'\t'
    zpty -r z out '*ran:*:end*'
    print -r -- "${${out##*ran:}%%:end*}"
done
zpty -w z exit
`

// TestZshCompletes has zsh itself complete lines by Tab.
func TestZshCompletes(t *testing.T) {
	dir := files(t)
	if err := os.WriteFile(filepath.Join(dir, "_bascule"), []byte(written(t, writeZsh)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := [][2]string{
		{"ch", "check"},
		{"re", "reload"},
		{"-db -cc", "-db|-cc"},
		{"check --j", "check|--json"},
		{"check a", "check|a file.cfg"},
		{"-f o", "-f|other.cfg"},
		{"reload -s o", "reload|-s|other.cfg"},
		{"reload -W -f o", "reload|-W|-f|other.cfg"},
		{"explain --ht", "explain|--http-version"},
		{"drill l", "drill|limits"},
		{"fleet a", "fleet|api"},
		{"ctl show serv", "ctl|show|servers"},
		{"ctl show servers c", "ctl|show|servers|conn"},
		{"ctl get v", "ctl|get|var"},
		{"ctl -s o", "ctl|-s|other.cfg"},
		{"ctl --so", "ctl|--socket"},
		{"doc --m", "doc|--man"},
	}
	args := []string{"-f", "-c", zshScript, "zsh"}
	for _, tt := range tests {
		args = append(args, tt[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "zsh", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TERM=dumb", "HOME="+dir, "PWD="+dir)
	out, err := cmd.CombinedOutput()
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(got) != len(tests) {
		t.Fatalf("zsh: %v, %q", err, got)
	}
	for i, tt := range tests {
		if strings.TrimSpace(got[i]) != tt[1] {
			t.Errorf("%q: completed to %q, want %q", tt[0], got[i], tt[1])
		}
	}
}

// TestFishCompletes asks fish for what it would offer.
func TestFishCompletes(t *testing.T) {
	dir := files(t)
	if err := os.WriteFile(filepath.Join(dir, "bascule.fish"), []byte(written(t, writeFish)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][2]string{
		{"ch", "check"},
		{"-W", "-W -Ws"},
		{"-W -db -V", "-V -v -vv"},
		{"check --", "--advice --json"},
		{"check a", "a file.cfg"},
		{"-f ot", "other.cfg"},
		{"reload -s ot", "other.cfg"},
		{"explain --ht", "--http-version"},
		{"explain --src ", ""},
		{"drill l", "limits"},
		{"drill reload --", ""},
		{"fleet ", "api stream"},
		{"ctl show se", "servers sess"},
		{"ctl show servers ", "conn drain state"},
		{"ctl get ", "var weight"},
		{"ctl --", "--json --raw --socket"},
		{"doc --m", "--man"},
		{"doc ch", ""},
	} {
		cmd := exec.Command("fish", "--no-config", "-c", "source bascule.fish; complete -C $argv[1]", "bascule "+tt[0])
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		var got []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, word)
		}
		if offered := strings.Join(got, " "); err != nil || offered != tt[1] {
			t.Errorf("%q: %v, offered are %q, want %q", tt[0], err, offered, tt[1])
		}
	}
}
