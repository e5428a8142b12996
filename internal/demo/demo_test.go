package demo

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bascule/internal/drill"
	"bascule/internal/fleet"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fleet" { // started as a server by the demo
		os.Exit(fleet.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "demo" { // started as the demo by a test
		os.Exit(Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// haproxy is the oracle: what the demo shows of it is expected of bascule.
func haproxy(t *testing.T) string {
	t.Helper()
	path, err := drill.Executable("haproxy")
	if err != nil {
		t.Fatalf("Debian's haproxy is needed: %v", err)
	}
	return path
}

// edited is Debian's haproxy with one place of the configuration changed before it
// starts.
func edited(t *testing.T, before, after string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "balancer")
	text := "#!/bin/sh\nfor cfg; do [ -f \"$cfg\" ] && break; done\n" +
		"sed -i 's/" + before + "/" + after + "/' \"$cfg\"\nexec " + haproxy(t) + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}

// run is the demo on free ports.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(append([]string{"--http", "", "--https", "", "--stats", ""}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// runUntil is the demo as a program of its own, which ends by a signal once it has said
// something; its exit code has to be 0.
func runUntil(t *testing.T, said string, args ...string) (stdout string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"demo", "--http", "", "--https", "", "--stats", ""}, args...)...)
	var out, errs lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(out.String(), said); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not say %q:\n%s%s", said, out.String(), errs.String())
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || errs.String() != "" {
		t.Fatalf("the demo ended with %v, stderr %q\n%s", err, errs.String(), out.String())
	}
	return out.String()
}

func TestPlainDemoKillsAndStartsAServerAndLosesNothing(t *testing.T) {
	// When HAProxy marks a server down it also ends the requests that wait for their
	// next attempt on it, so it is told not to.
	stdout := runUntil(t, "backend-api-1 is UP (was DOWN)\n", "--balancer", edited(t, "on-marked-down shutdown-sessions", ""), "--inter", "200ms",
		"--kill", "backend-api-1@2s", "--start", "backend-api-1@12s") // it has to be seen DOWN between the two
	for _, want := range []string{
		`\nsite +http://127\.0\.0\.1:\d+/\n`,
		`\n +https://127\.0\.0\.1:\d+/\n`,
		`\nstats +http://127\.0\.0\.1:\d+/stats\n`,
		`kill -9 backend-api-1\n`,
		`backend-api-1 is DOWN \(was UP\)\n`,
		`backend-api-1 DOWN \(dead\)`,
		`balancer: Server api_pool/backend-api-1 is DOWN`,
		`start backend-api-1\n`,
		`backend-api-1 is UP \(was DOWN\)\n`,
		` 0 lost, \d+ failed that were in flight`,
		`50 clients said \d+ messages: 0 lost, 0 doubled`,
		`POSTs: 0 executed twice, 0 acknowledged and not executed`,
	} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("the output has no %q", want)
		}
	}
	if t.Failed() {
		t.Log(stdout)
	}
}

func TestDemoExitsWith1WhenSomethingWasLost(t *testing.T) {
	// Without another server to turn to, what is sent to the dead one before the checks
	// notice is lost.
	code, stdout, stderr := run(t, "--balancer", edited(t, "option redispatch", "no option redispatch"), "--inter", "1s",
		"--for", "6s", "--kill", "backend-api-1@1s")
	if code != 1 || !strings.Contains(stdout, "\n  lost: ") {
		t.Errorf("exit %d, want 1 with examples of what was lost\n%s%s", code, stdout, stderr)
	}
}

func TestDemoEndsCleanlyOnASignal(t *testing.T) {
	cmd := exec.Command(os.Args[0], "demo", "--balancer", haproxy(t), "--http", "", "--https", "", "--stats", "")
	var stdout lockedBuffer
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !strings.Contains(stdout.String(), "req/s") {
		select {
		case <-poll.C:
		case <-limit.C:
			t.Fatalf("no figures within a minute:\n%s", stdout.String())
		}
	}
	socket := regexp.MustCompile(`\nsocket +(\S+)\n`).FindStringSubmatch(stdout.String())
	// What it says to try has to work as it stands, over TLS without a word of distrust.
	try := regexp.MustCompile(`curl (-i --cacert .*)\n`).FindStringSubmatch(stdout.String())
	if len(try) != 2 {
		t.Fatalf("no curl over TLS in the output:\n%s", stdout.String())
	}
	said, err := exec.Command("curl", strings.Fields(try[1])...).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "HTTP/1.1 200") {
		t.Errorf("curl %s: %v, want 200\n%s", try[1], err, said)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the demo ended with %v, want exit 0\n%s", err, stdout.String())
	}
	if len(socket) != 2 {
		t.Fatalf("no socket in the output:\n%s", stdout.String())
	}
	if _, err := os.Stat(socket[1]); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", socket[1], err)
	}
}

func TestMainRefusesWrongUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown flag", []string{"--frob"}, "frob"},
		{"an argument too many", []string{"now"}, "unexpected argument now"},
		{"a kill without a time", []string{"--kill", "backend-api-1"}, "want NAME@TIME"},
		{"a kill of nobody", []string{"--kill", "nobody@1s"}, `no server is named "nobody"`},
		{"a time that is none", []string{"--kill", "backend-api-1@soon"}, "soon"},
		{"a time before the start", []string{"--reload", "-1s"}, "before the start"},
		{"a length below zero", []string{"--for", "-1s"}, "--for"},
		{"a balancer that is not there", []string{"--balancer", "no-such-balancer"}, "no-such-balancer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := Main(test.args, strings.NewReader(""), &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit %d, %q; want 2 with %q", code, stderr.String(), test.want)
			}
		})
	}
}

func TestUsageNamesEveryVerbAndServer(t *testing.T) {
	for _, word := range slices.Concat(names, verbs) {
		if !strings.Contains(usage, word) {
			t.Errorf("the usage does not name %s", word)
		}
	}
}
