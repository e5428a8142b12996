// Package config_test compares the verdicts on whole configurations with those
// of Debian's haproxy.
package config_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
)

// checkTime bounds one `haproxy -c`; the look-up of a name may take a while.
const checkTime = 2 * time.Minute

// A finding is what one of the two programs says about a file.
type finding struct {
	verdict config.Verdict
	warned  bool
	line    string // of the first alert; "" when it names none
	text    string // of the first alert
}

var (
	alertLine   = regexp.MustCompile(`(?m)^\[ALERT\] +\(\d+\) : config : (.*)$`)
	warningLine = regexp.MustCompile(`(?m)^\[WARNING\] `)
	lineNumber  = regexp.MustCompile(`\.cfg:(\d+)\]`)
	quotedWord  = regexp.MustCompile(`'([^']+)'`)
)

func found(verdict int, output string) finding {
	f := finding{verdict: config.Verdict(verdict), warned: warningLine.MatchString(output)}
	if m := alertLine.FindStringSubmatch(output); m != nil {
		f.text = m[1]
		if n := lineNumber.FindStringSubmatch(f.text); n != nil {
			f.line = n[1]
		}
	}
	return f
}

func byHAProxy(t *testing.T, path string) finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), checkTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "haproxy", "-c", "-f", path)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("haproxy is needed as the oracle: %v", err)
	}
	return found(cmd.ProcessState.ExitCode(), out.String())
}

func byBascule(path string) finding {
	cfg, p := config.Load([]string{path}, config.System())
	var out bytes.Buffer
	_ = config.WriteProblems(&out, p, os.Getpid())
	return found(int(config.Judge(cfg, p)), out.String())
}

func files(t *testing.T, dir string, atLeast int) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.cfg"))
	if err != nil || len(names) < atLeast {
		t.Fatalf("%d files in %s, want %d or more (%v)", len(names), dir, atLeast, err)
	}
	return names
}

func TestWhatHAProxyAcceptsIsAccepted(t *testing.T) {
	for _, path := range append(files(t, "accepted", 120), "/etc/haproxy/haproxy.cfg", "../../examples/active-active/deployment.cfg") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got, want := byBascule(path), byHAProxy(t, path)
			if want.verdict == config.Invalid {
				t.Fatalf("haproxy refuses it: %s", want.text)
			}
			if got.verdict != want.verdict || got.warned != want.warned {
				t.Errorf("got exit %d, warnings %v (%s), haproxy has %d, %v", got.verdict, got.warned, got.text, want.verdict, want.warned)
			}
		})
	}
}

func TestWhatHAProxyRefusesIsRefusedForTheSameWord(t *testing.T) {
	kinds := map[string]bool{}
	for _, path := range files(t, "refused", 120) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".cfg"), func(t *testing.T) {
			got, want := byBascule(path), byHAProxy(t, path)
			if want.verdict != config.Invalid {
				t.Fatalf("haproxy accepts it")
			}
			if got.verdict != want.verdict || got.line != want.line {
				t.Errorf("got exit %d at line %q: %s\nhaproxy has %d at line %q: %s", got.verdict, got.line, got.text, want.verdict, want.line, want.text)
			}
			if word := quotedWord.FindStringSubmatch(want.text); word != nil && !strings.Contains(got.text, word[0]) {
				t.Errorf("the problem does not name %s:\n%s\nhaproxy: %s", word[0], got.text, want.text)
			}
			kinds[kind(want.text)] = true
		})
	}
	if len(kinds) < kindsOfError {
		t.Errorf("%d kinds of error are covered, want %d or more", len(kinds), kindsOfError)
	}
}

// kindsOfError is how many different complaints of HAProxy the files bring.
const kindsOfError = 60

var place = regexp.MustCompile(`(?i)^(parsing )?\[[^]]*\] ?: `)

// kind is a complaint without its place, its words and its numbers: two files
// of one kind make the same mistake.
func kind(text string) string {
	text = place.ReplaceAllString(text, "")
	text = regexp.MustCompile(`'[^']*'|<[^>]*>|\([^)]*\)`).ReplaceAllString(text, "_")
	return regexp.MustCompile(`[0-9]+`).ReplaceAllString(text, "0")
}
