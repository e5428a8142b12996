package script

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"bascule/test/loopback"
)

// A step is one command of a page with what it shall print: lines in which "…" stands
// for anything, also for any number of lines.
type step struct{ command, want string }

// steps are those of the page's blocks ```console.
func steps(page string) (list []step) {
	inside := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console\n"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			list = append(list, step{command: strings.TrimSpace(line[2:])})
		default:
			list[len(list)-1].want += line
		}
	}
	return list
}

// pattern is what the step's output must match.
func (s step) pattern() *regexp.Regexp {
	parts := strings.Split(strings.TrimSpace(s.want), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, `.*`) + `\z`)
}

// local puts an address and a directory of the test's own in the place of the page's.
func local(t *testing.T, page, dir string) string {
	t.Helper()
	ip := loopback.Address()
	for name, port := range map[string]string{"HTTP": "8080", "STREAM_1": "8082", "STREAM_2": "8084", "STATS": "9100"} {
		t.Setenv("BASCULE_"+name, ip+":"+port)
	}
	t.Setenv("BASCULE_LOG", dir+"/log")
	t.Setenv("BASCULE_SOCKET", dir+"/bascule-admin.sock")
	return strings.NewReplacer("127.0.0.1:", ip+":", "/tmp/", dir+"/").Replace(page)
}

// TestTheCommandsOfThePage runs every command of docs/from-haproxy.md, one after the other
// in one shell at the root of the repository, beside Debian's HAProxy.
func TestTheCommandsOfThePage(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "from-haproxy.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "page") // short, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Symlink(filepath.Join(root, "examples"), filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	text := local(t, string(page), dir)
	sh := exec.Command("bash")
	sh.Dir, sh.Env = dir, append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin")
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := sh.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := sh.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-sh.Process.Pid, syscall.SIGKILL)
		_ = sh.Wait()
	})
	read := bufio.NewReader(out)
	all := steps(text)
	if len(all) < 20 {
		t.Fatalf("the page has %d commands", len(all))
	}
	for _, s := range all {
		got := play(t, in, read, s.command)
		if !s.pattern().MatchString(got) {
			t.Fatalf("$ %s\nprints\n%s\nand the page says\n%s", s.command, got, s.want)
		}
	}
}

// play runs a command in the shell and returns what it prints.
func play(t *testing.T, in io.Writer, out *bufio.Reader, command string) string {
	t.Helper()
	const end = "--- the end of a command ---\n"
	if _, err := fmt.Fprintf(in, "%s\necho; echo '%s'\n", command, strings.TrimSpace(end)); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("$ %s\nended the shell: %v", command, err)
		}
		if line == end {
			return strings.TrimSpace(got.String())
		}
		got.WriteString(line)
	}
}
