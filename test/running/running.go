// Package running starts Debian's haproxy and bascule with the same configuration, for
// tests that compare the two.
package running

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/test/loopback"
)

// Patience bounds every wait of such tests: a busy machine may need far longer than an idle one.
const Patience = time.Minute

// A Proxy is a running haproxy or bascule. It ends with its test.
type Proxy struct {
	Name string // "haproxy" or "bascule"
	IP   string // a loopback address of its own, on which all ports are free
	Stop func() // ends it now
	t    *testing.T
	sock string
}

// write puts a configuration into a file. In it $IP stands for the proxy's address, and
// $DIR for a directory of its own, in which its runtime socket has to be sock.
func write(t *testing.T, name, text string) (p *Proxy, file string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "r") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p = &Proxy{Name: name, IP: loopback.Address(), t: t, sock: filepath.Join(dir, "sock")}
	file = filepath.Join(dir, "cfg")
	if err := os.WriteFile(file, []byte(strings.NewReplacer("$IP", p.IP, "$DIR", dir).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, file
}

// HAProxy runs Debian's with a configuration as write has it, and waits until it serves.
func HAProxy(t *testing.T, text string) *Proxy {
	t.Helper()
	p, file := write(t, "haproxy", text)
	program := Start(t, "haproxy", "-db", "-f", file)
	p.Stop = program.Stop
	p.Await("an answer at its socket", func() bool {
		select {
		case <-program.ended:
			t.Fatalf("haproxy: %s", program.out.String())
		default:
		}
		return p.try("show info") != "" // the socket is there before those of the frontends
	})
	return p
}

// Bascule runs an engine in this process with a configuration as write has it.
func Bascule(t *testing.T, text string) *Proxy {
	t.Helper()
	p, file := write(t, "bascule", text)
	cfg, problems := config.Load([]string{file}, config.System())
	if cfg == nil {
		var b bytes.Buffer
		_ = config.WriteProblems(&b, problems, 1)
		t.Fatalf("the configuration is refused:\n%s", b.String())
	}
	e, err := engine.New(cfg, engine.Options{Log: slog.New(slog.DiscardHandler), Version: "3.2.0-bascule", Date: "2026/11/22"})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	p.Stop = sync.OnceFunc(e.Stop)
	t.Cleanup(p.Stop)
	return p
}

// A Program is one of Debian's. It ends with its test.
type Program struct {
	Stop  func()        // ends it now
	ended chan struct{} // closed when it has
	out   bytes.Buffer  // what it said, once it has ended
}

// Start starts a program that scripts/deps installs, wherever Debian keeps it.
func Start(t *testing.T, name string, args ...string) *Program {
	t.Helper()
	cmd := exec.Command(name, args...)
	if path, err := exec.LookPath("/usr/sbin/" + name); err == nil { // not in every user's PATH
		cmd.Path, cmd.Err = path, nil
	}
	p := &Program{ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed (make deps installs it): %v", name, err)
	}
	go func() { // ends with the process
		_ = cmd.Wait()
		close(p.ended)
	}()
	p.Stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s said: %s", name, p.out.String())
		}
	})
	t.Cleanup(p.Stop)
	return p
}

// Await polls until ok.
func (p *Proxy) Await(what string, ok func() bool) {
	p.t.Helper()
	if !Within(Patience, ok) {
		p.t.Fatalf("%s: in vain: %s", p.Name, what)
	}
}

// Within polls until ok, at most so long, and says whether it was.
func Within(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// Ask gives a command to the runtime socket and returns the answer.
func (p *Proxy) Ask(command string) string {
	p.t.Helper()
	answer := p.try(command)
	if answer == "" {
		p.t.Fatalf("%s: no answer to %s", p.Name, command)
	}
	return answer
}

// try is Ask where nobody may answer yet.
func (p *Proxy) try(command string) string {
	conn, err := net.Dial("unix", p.sock)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, command+"\n") // the answer shows
	b, _ := io.ReadAll(conn)
	return string(b)
}

// A Sheet is `show stat`.
type Sheet struct {
	Columns []string
	Rows    []string                     // "proxy/server", in its order
	Cells   map[string]map[string]string // by row and column
}

// Stat is `show stat` now.
func (p *Proxy) Stat() Sheet {
	p.t.Helper()
	lines := strings.Split(strings.TrimSpace(p.Ask("show stat")), "\n")
	s := Sheet{Columns: strings.Split(strings.TrimPrefix(lines[0], "# "), ","), Cells: map[string]map[string]string{}}
	for _, line := range lines[1:] {
		v := strings.Split(line, ",")
		row := v[0] + "/" + v[1]
		s.Rows = append(s.Rows, row)
		s.Cells[row] = map[string]string{}
		for i, c := range s.Columns {
			s.Cells[row][c] = v[i]
		}
	}
	return s
}
