package engine

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// oracleConfig has servers in several states. The checked one refuses, so that
// both sides see it go down.
const oracleConfig = `
global
    stats socket $DIR/sock mode 600 level admin
    stats socket $DIR/user mode 600 level user
    stats socket $DIR/oper mode 600 level operator
    stats timeout 5m
    maxconn 100
defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
frontend fe
    bind unix@$DIR/fe
    default_backend be
backend be
    balance roundrobin
    cookie C insert
    server a $REFUSING check inter 1h cookie a
    server b $REFUSING cookie b weight 50
    server d $REFUSING id 9 backup
backend be2
    id 77
    balance uri
    server c $REFUSING disabled
backend be3
    server e $REFUSING weight 5 agent-check agent-port 1 agent-inter 1h
    server f $REFUSING track e
`

// startOracle runs Debian's haproxy with that configuration.
func startOracle(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = shortDir(t)
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", file)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle of this test is Debian's haproxy (apt-get install haproxy): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	eventually(t, "haproxy's check has failed", func() bool {
		conn, err := net.Dial("unix", dir+"/sock")
		if err != nil {
			return false
		}
		conn.Close()
		return strings.Contains(ask(t, dir+"/sock", "show stat\n"), ",L4CON,")
	})
	return dir
}

// changing is what differs between two runs: times, and ports of nobody.
var changing = regexp.MustCompile(`(?m)^(\d+ \S+ \d+ \S+ \S+ \d+ \d+ \d+ \d+) \d+ `)

func stable(answer string) string { return changing.ReplaceAllString(answer, "$1 T ") }

// agreed asks both sockets until they show the same: a check that was started by the
// commands before may end later in one. What is no "show" is asked once.
func agreed(t *testing.T, line, theirs, ours string, plain func(string) string) (want, got string) {
	t.Helper()
	for end := time.Now().Add(patience / 2); ; time.Sleep(10 * time.Millisecond) {
		want, got = plain(ask(t, theirs, line+"\n")), plain(ask(t, ours, line+"\n"))
		if got == want || differs(line, got, want) || !strings.HasPrefix(line, "show ") || time.Now().After(end) {
			return want, got
		}
	}
}

// TestAnswersAreHAProxys sends the same commands to haproxy and to bascule and
// compares the answers to the byte. Commands change states, so order counts.
func TestAnswersAreHAProxys(t *testing.T) {
	text := strings.ReplaceAll(oracleConfig, "$REFUSING", freeAddr(t))
	theirs := startOracle(t, text)
	b := run(t, text)
	eventually(t, "the check has failed", func() bool { return strings.Contains(ask(t, b.socket, "show stat\n"), ",L4CON,") })
	for _, line := range []string{
		"show servers state", "show servers state be", "show servers state #77", "show servers state nope",
		"set server", "set server be", "set server be/", "set server be/x state drain", "set server nope/a state drain",
		"set server be/a state", "set server be/a state foo",
		"set server be/b state drain", "show servers state be", "set server be/b state ready", "show servers state be",
		"set server be/b state maint", "show servers state be", "set server be/b state drain", "show servers state be",
		"enable server be/b", "show servers state be", "disable server be/a", "show servers state be",
		"disable server be", "disable server", "enable server be/x", "disable server be2/c", "enable server be2/c", "show servers state be2",
		"set server be/b weight 10", "get weight be/b", "set server be/b weight 50%", "get weight be/b", "set weight be/b 0", "get weight be/b",
		"set weight be/b 300%", "get weight be/b", "set weight be/b", "set server be/b weight", "set weight be/b 300", "set weight be/b -5",
		"set weight be2/c 5", "set weight be2/c 0%", "set weight be2/c 100%", "get weight be2/c",
		"set maxconn server", "set maxconn server be", "set maxconn server be/x 3", "set maxconn server be/b", "set maxconn server be/b 7x", "set maxconn server be/b x",
		"set maxconn server be/b 7", "set maxconn server be/b 0", "set maxconn server be/b 99999999999999999999",
		"get weight be/x", "get weight be", "get weight", "get weight nope/a", "get weight be/b extra",
		"set server be/d state drain", "set server be/#9 state ready", "set server #77/c weight 100%",
		"set server be/b health foo", "set server be/b health stopping", "show servers state be", "set server be/b health up",
		"enable health be/b", "disable health be/a", "show servers state be", "enable health be/a", "show servers state be",
		"show servers state be3", "set server be3/e agent foo", "set server be3/e agent", "set server be3/f agent up", "set server be3/f health up",
		"set server be3/e agent down", "show servers state be3", "set server be3/e agent up", "show servers state be3",
		"set server be/a check-addr", "set server be/a check-addr 127.0.0.3", "set server be/a check-port x", "set server be/a check-port 70000",
		"set server be/a check-port 99", "set server be/a check-port", "set server be/b check-port 5", "set server be/b check-addr 127.0.0.1", "show servers state be",
		"set server be3/e agent-addr", "set server be3/e agent-addr 127.0.0.4", "set server be3/e agent-port", "set server be3/e agent-port 2", "set server be3/e agent-send",
		"set server be3/e agent-send x", "show servers state be3", "disable agent be3/e", "set server be3/e agent up", "show servers state be3", "enable agent be3/e",
		"enable agent be/a", "disable agent be/a", "enable agent be3/x", "show servers state be3",
		"clear counters", "clear counters all", "clear counters foo",
		"set timeout cli 10", "set timeout cli abc", "set timeout", "set timeout foo",
		"set severity-output number", "set severity-output foo", "set severity-output",
		"set severity-output number;set server be/a state foo", "set severity-output string;disable server be/x;get weight be/d",
		"show backend", "show cli level", "show env NO_SUCH_VARIABLE", "get weight be/b; ;get weight be/d",
		"shutdown session 0x1", "shutdown session", "shutdown sessions server be/a", "shutdown sessions server be/x", "show sess 0x1",
		"  get   weight	be/b  ", "get weight be/\\b", "quit", "quit;get weight be/d",
		"prompt", "get weight be/d\nget weight be/b", "prompt\nget weight be/d\nget weight be/b;get weight be/d\nquit",
		"prompt\nset timeout cli 60\nprompt", "prompt\nget weight be/d <<\nx\ny\n\nget weight be/b\nquit",
		"prompt;show cli level;operator;show cli level;set server be/a state maint;user;show cli level",
	} {
		want, got := agreed(t, line, theirs+"/sock", b.socket, stable)
		if got != want && !differs(line, got, want) {
			t.Errorf("%q\n got %q\nwant %q", line, got, want)
		}
	}
	for _, level := range []string{"user", "oper"} {
		for _, line := range []string{
			"show sess", "disable server be/a", "enable server be/a", "set server be/a state drain", "set weight be/a 5", "get weight be/d",
			"clear counters", "clear counters all", "set timeout cli 5", "show cli level", "show backend", "set server be/a foo",
			"disable server", "shutdown session 0x1", "operator", "operator;show cli level", "user;show cli level", "show servers state",
		} {
			want := stable(ask(t, theirs+"/"+level, line+"\n"))
			got := stable(ask(t, b.dir+"/"+level, line+"\n"))
			if line == "show sess" && level == "oper" {
				continue // each lists itself
			}
			if got != want {
				t.Errorf("%s: %q\n got %q\nwant %q", level, line, got, want)
			}
		}
	}
}

// differs says which differences are meant.
func differs(line, got, want string) bool {
	switch {
	case strings.Contains(want, "Unknown command"):
		// The list of commands is our own.
		return strings.HasPrefix(stripped(got), "Unknown command") || strings.Contains(got, "\nUnknown command")
	case strings.HasSuffix(got, "\n\n") && want == strings.TrimSuffix(got, "\n"):
		return true // haproxy forgets the empty line after a few messages
	}
	return false
}

func stripped(s string) string { return strings.TrimLeft(s, "\n> ") }

// TestInfoHasHAProxysFields compares the names of "show info" and their order.
func TestInfoHasHAProxysFields(t *testing.T) {
	text := strings.ReplaceAll(oracleConfig, "$REFUSING", freeAddr(t))
	theirs := startOracle(t, text)
	b := run(t, text)
	names := func(answer string) []string {
		var list []string
		for _, line := range strings.Split(answer, "\n") {
			if name, _, ok := strings.Cut(line, ":"); ok {
				list = append(list, name)
			}
		}
		return list
	}
	want, got := names(ask(t, theirs+"/sock", "show info\n")), names(ask(t, b.socket, "show info\n"))
	if len(got) < len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("field %d is %s, want %s", i, got[i], want[i])
		}
	}
}
