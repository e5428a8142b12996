package hostile

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	// What the binary is built from: without this import the test would count
	// as unchanged when only the product changed.
	_ "bascule/internal/cli"
)

// lanesPerSite is how many rows one program works on at the same time, each
// with a frontend and a server of its own.
const lanesPerSite = 8

// rowsAtOnce is how many rows are worked on at the same time: most of the time
// they wait for a program, not for a processor.
const rowsAtOnce = "24"

// bascule is the path of the binary under test.
var bascule string

func TestMain(m *testing.M) {
	err := flag.Set("test.parallel", rowsAtOnce)
	dir := ""
	if err == nil {
		dir, err = os.MkdirTemp("", "hostile")
	}
	if err == nil {
		bascule = filepath.Join(dir, "bascule")
		cmd := exec.Command("go", "build", "-o", bascule, "bascule/cmd/bascule")
		cmd.Stderr = os.Stderr
		err = cmd.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/hostile:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// defaults are the same for both programs. Whoever waits for bytes that do not
// come is heard of after the short times, which leave some seconds to who sends
// in pieces.
const defaults = `global
	maxconn 200
	log %s local0
%sdefaults
	mode http
	log global
	log-format "%%cp:%%fp %%ST %%tsc"
	timeout connect 1m
	timeout client 5s
	timeout server 9s
	timeout http-request 5s
	timeout http-keep-alive 30s
	retries 0
`

// A site is one running program with its lanes.
type site struct {
	lanes chan *lane
	logs  *logbook
}

// late is how many requests the servers saw when no row was under way. All
// lanes must be idle.
func (s *site) late() (n int) {
	for range lanesPerSite {
		l := <-s.lanes
		n += l.server.late()
		s.lanes <- l
	}
	return n
}

// A lane is a frontend, its backend and the recording server behind.
type lane struct {
	front  string
	server *recorder
}

// startSite runs a program until the test ends; options are lines of global
// (tune…) and of defaults.
func startSite(t *testing.T, program string, options ...string) *site {
	t.Helper()
	s := &site{lanes: make(chan *lane, lanesPerSite), logs: openLogbook(t)}
	var text strings.Builder
	tuning, rest := "", ""
	for _, o := range options {
		if strings.HasPrefix(o, "tune.") {
			tuning += "\t" + o + "\n"
		} else {
			rest += "\t" + o + "\n"
		}
	}
	fmt.Fprintf(&text, defaults+"%s", s.logs.addr, tuning, rest)
	var files []*os.File
	for i := range lanesPerSite {
		l := &lane{server: startRecorder(t)}
		file, addr := socket(t)
		l.front = addr
		files = append(files, file)
		fmt.Fprintf(&text, "frontend f%d\n\tbind fd@%d\n\tdefault_backend b%d\nbackend b%d\n\tserver s %s\n", i, 3+i, i, i, l.server.addr)
		s.lanes <- l
	}
	path := filepath.Join(t.TempDir(), "hostile.cfg")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", path)
	cmd.ExtraFiles = files
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() || strings.Contains(said.String(), "panic") {
			t.Logf("%s said:\n%s", program, said.String())
		}
	})
	for _, f := range files {
		f.Close()
	}
	return s
}

// socket listens on a free port; connections wait in it until a program that
// inherits it accepts them.
func socket(t *testing.T) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	return file, l.Addr().String()
}

// haproxy is the path of the program that is compared with.
func haproxy(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/haproxy")
	}
	if err != nil {
		t.Fatal("this test compares with haproxy: apt-get install haproxy")
	}
	return path
}
