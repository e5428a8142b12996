package metrics

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bascule/internal/config"
	"bascule/internal/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// A proxy is a running haproxy or bascule.
type proxy struct {
	t    *testing.T
	name string
	ip   string // its own loopback address: all ports are free there
	sock string
	stop func()
}

var addresses atomic.Int32

// address is a loopback address of the test's own.
func address() string {
	return fmt.Sprintf("127.%d.%d.%d", 100+addresses.Add(1)%100, os.Getpid()>>8&255, os.Getpid()&255)
}

// write puts a configuration into a file; $IP and $DIR stand for the proxy's own.
func write(t *testing.T, text string) (p *proxy, file string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "m") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p = &proxy{t: t, ip: address(), sock: dir + "/sock"}
	file = filepath.Join(dir, "cfg")
	if err := os.WriteFile(file, []byte(strings.NewReplacer("$IP", p.ip, "$DIR", dir).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, file
}

// haproxy runs Debian's.
func haproxy(t *testing.T, text string) *proxy {
	t.Helper()
	p, file := write(t, text)
	p.name = "haproxy"
	p.stop = run(t, "haproxy", "-db", "-f", file)
	p.await("its socket", func() bool {
		c, err := net.Dial("unix", p.sock)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return p
}

// run starts a program that ends with the test, or with stop.
func run(t *testing.T, name string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if path, err := exec.LookPath("/usr/sbin/" + name); err == nil {
		cmd.Path, cmd.Err = path, nil
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed (make deps installs it): %v", name, err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said: %s", name, out.String())
		}
	})
	t.Cleanup(stop)
	return stop
}

// bascule runs an engine in this process.
func bascule(t *testing.T, text string) *proxy {
	t.Helper()
	p, file := write(t, text)
	p.name = "bascule"
	cfg, problems := config.Load([]string{file}, config.System())
	if cfg == nil {
		var b bytes.Buffer
		_ = config.WriteProblems(&b, problems, 1)
		t.Fatalf("the configuration is refused:\n%s", b.String())
	}
	e, err := engine.New(cfg, engine.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Version: "3.2.0-bascule", Date: "2026/11/22"})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	p.stop = sync.OnceFunc(e.Stop)
	t.Cleanup(p.stop)
	return p
}

// await polls until ok.
func (p *proxy) await(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: in vain: %s", p.name, what)
		}
	}
}

// ask runs a command on the runtime socket.
func (p *proxy) ask(command string) string {
	p.t.Helper()
	conn, err := net.Dial("unix", p.sock)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, command+"\n") // the answer shows
	b, _ := io.ReadAll(conn)
	return string(b)
}

// A sheet is show stat: values by "proxy/server" and column.
type sheet struct {
	columns []string // before "-", where those of HAProxy's modules begin
	rows    []string
	cells   map[string]map[string]string
}

func (p *proxy) stat() sheet {
	lines := strings.Split(strings.TrimSpace(p.ask("show stat")), "\n")
	s := sheet{columns: strings.Split(strings.TrimPrefix(lines[0], "# "), ","), cells: map[string]map[string]string{}}
	for _, line := range lines[1:] {
		v := strings.Split(line, ",")
		name := v[0] + "/" + v[1]
		s.rows = append(s.rows, name)
		s.cells[name] = map[string]string{}
		for i, c := range s.columns {
			s.cells[name][c] = v[i]
		}
	}
	return s
}

// quiet waits until no session is left.
func (p *proxy) quiet() {
	p.t.Helper()
	p.await("the end of all sessions", func() bool {
		s := p.stat()
		for _, row := range s.rows {
			if s.cells[row]["scur"] != "0" || s.cells[row]["qcur"] != "" && s.cells[row]["qcur"] != "0" {
				return false
			}
		}
		return true
	})
}
