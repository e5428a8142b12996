package real

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// A pane is a program in a terminal of its own.
type pane struct {
	t    *testing.T
	dir  string
	code string // file of the program's exit code
}

// openPane starts a command line in tmux.
func openPane(t *testing.T, line string) *pane {
	t.Helper()
	p := &pane{t: t, dir: runDir(t)}
	p.code = filepath.Join(p.dir, "code")
	p.tmux("new-session", "-d", "-x", "140", "-y", "40", "LC_ALL=C.UTF-8 "+line+"; echo $? >"+p.code)
	t.Cleanup(func() { // it has ended with its session, if all went well
		_ = exec.Command("env", "TMUX_TMPDIR="+p.dir, "tmux", "-L", "pane", "kill-server").Run()
	})
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := run(p.t, "env", append([]string{"TMUX_TMPDIR=" + p.dir, "tmux", "-L", "pane", "-f", "/dev/null"}, args...)...)
	if err != nil {
		p.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return out
}

// shows waits for what stands on the screen.
func (p *pane) shows(pattern string) {
	p.t.Helper()
	want, screen := regexp.MustCompile(pattern), ""
	if !within(patience, func() bool { screen = p.tmux("capture-pane", "-p"); return want.MatchString(screen) }) {
		p.t.Fatalf("%q is not shown:\n%s", pattern, screen)
	}
}

func (p *pane) press(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys"}, keys...)...)
}

// ends waits for the exit code.
func (p *pane) ends(code string) {
	p.t.Helper()
	got := ""
	if !within(patience, func() bool {
		text, _ := os.ReadFile(p.code) // not there yet
		got = strings.TrimSpace(string(text))
		return got != ""
	}) {
		p.t.Fatal("it does not end")
	}
	if got != code {
		p.t.Errorf("exit code %s, want %s", got, code)
	}
}

// TestTopInATerminal drains, stops and weighs a server of bascule and of Debian's
// HAProxy, and outlives their restart.
func TestTopInATerminal(t *testing.T) {
	for name, program := range map[string]string{"bascule": bascule, "haproxy": "haproxy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, socket := address()+":8000", runDir(t)+"/s"
			cfg := config(t, plainConfig, "SITE", site, "SOCKET", socket, "NAME", "s1", "SERVER", names(t, "s1")[0])
			m := start(t, program, "-db", "-f", cfg)
			serving(t, socket)
			p := openPane(t, bascule+" top -i 100ms -s "+socket)
			p.shows(`❯ +s1 +no check`)
			p.shows(`pid ` + infoField(t, socket, "Pid"))
			p.press("m")
			p.shows(`send "set server be/s1 state maint"\? y/n`)
			p.press("y")
			p.shows(`s1 +MAINT`)
			p.press("r", "y")
			p.shows(`s1 +no check`)
			p.press("w", "5", "0", "%", "Enter", "y")
			p.shows(`done: set server be/s1 weight 50%`)
			if got := mustAsk(t, socket, "get weight be/s1"); !strings.Contains(got, "(initial 1)") {
				t.Errorf("get weight: %q", got)
			}
			if name == "bascule" {
				p.press("d", "5", "m", "Enter")
				p.shows(`send "set server be/s1 state drain deadline 5m"\? y/n`)
			} else {
				p.press("d")
				p.shows(`send "set server be/s1 state drain"\? y/n`)
			}
			p.press("y")
			p.shows(`s1 +DRAIN`)
			m.signal(t, syscall.SIGTERM)
			m.ended(t)
			p.shows(`no answer: .*; trying again`)
			start(t, program, "-db", "-f", cfg)
			serving(t, socket)
			p.shows(`it answers again`)
			p.shows(`has taken the place of`)
			p.tmux("resize-window", "-x", "60", "-y", "12")
			p.shows(`s1 +no check`)
			p.press("q")
			p.ends("0")
			out, err := run(t, bascule, "top", "--once", "-f", cfg)
			if err != nil || !regexp.MustCompile(`s1 +no check`).MatchString(out) || strings.Contains(out, "\x1b") {
				t.Errorf("--once: %v\n%s", err, out)
			}
		})
	}
}
