package guard

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scripts/fuzz forgives a run that ended at the fuzzer's own deadline, and
// nothing else: a go command that plays each end stands in for the real one.
func TestFuzzForgivesOnlyItsOwnDeadline(t *testing.T) {
	const (
		late   = "--- FAIL: FuzzX (20.03s)\n    context deadline exceeded\n"
		status = "FAIL\nexit status 1\nFAIL\tx\t20.1s\n"
	)
	for _, row := range []struct {
		name, log string
		input     bool // one more input is left behind
		passes    bool
	}{
		{"deadline", "fuzz: elapsed: 20s, execs: 7 (0/sec)\n" + late + status, false, true},
		{"input found at the deadline", late + status, true, false},
		{"input that says so", "--- FAIL: FuzzX (1.41s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:3: context deadline exceeded\n    \n" +
			"    Failing input written to testdata/fuzz/FuzzX/ad\n" + status, false, false},
		{"seed that fails", "failure while testing seed corpus entry: FuzzX/ad\n--- FAIL: FuzzX (0.02s)\n    --- FAIL: FuzzX (0.00s)\n" +
			"        x_test.go:3: context deadline exceeded\n    \n" + status, false, false},
		{"more than the deadline", "--- FAIL: FuzzX (20.03s)\n    context deadline exceeded\n    no space left on device\n" + status, false, false},
		{"no build", "FAIL\tx [build failed]\n", false, false},
	} {
		out, err := runFuzz(t, row.log, row.input)
		if (err == nil) != row.passes {
			t.Errorf("%s: got %v, want a pass to be %v\n%s", row.name, err, row.passes, out)
		}
	}
}

// runFuzz runs the script over a tree of one target, with a go command that
// prints log and fails.
func runFuzz(t *testing.T, log string, input bool) (string, error) {
	script, err := os.ReadFile(filepath.Join(root, "scripts", "fuzz"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	play := "#!/bin/sh\ncat \"$(dirname \"$0\")/log\"\n"
	if input {
		play += "echo bad >x/testdata/fuzz/FuzzX/bad\n"
	}
	for name, text := range map[string]string{
		"scripts/fuzz":                string(script),
		"bin/go":                      play + "exit 1\n",
		"bin/log":                     log,
		"x/x_test.go":                 "package x\n\nfunc FuzzX(f *testing.F) {}\n",
		"x/testdata/fuzz/FuzzX/known": "",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "scripts", "fuzz"), "20s")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "== ./x FuzzX (20s)") {
		t.Fatalf("the target was not run: %v\n%s", err, out)
	}
	return string(out), err
}
