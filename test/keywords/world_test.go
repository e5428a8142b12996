package keywords

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bascule/test/loopback"
)

// patience bounds every wait: nothing here takes more than a moment, and a busy
// machine shall not make a test fail.
const patience = time.Minute

// common is what the files of rows begin with: nothing is reached by its time, unless the
// row says so, and no check fails because the machine is busy.
const common = `defaults
    mode http
    timeout connect 1m
    timeout client 2m
    timeout server 2m
    timeout check 1m
    log $LOG local0
    option httplog
`

// A world is one program with one configuration, its servers and its log.
type world struct {
	t       *testing.T
	program string
	vars    map[string]string
	servers map[string]*server
	logs    *collector
	out     *safeBuffer
	cmd     *exec.Cmd
	conns   []net.Conn
	gone    chan struct{} // closed when the process has ended
}

// serverCount is how many servers a row can name: $S1 and so on.
const serverCount = 4

func newWorld(t *testing.T, program string) *world {
	t.Helper()
	// The path of a unix socket has 108 bytes; a test's directory is longer.
	dir, err := os.MkdirTemp("", "kw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, program: program, servers: map[string]*server{}, out: &safeBuffer{}, logs: collect(t)}
	w.vars = map[string]string{"DIR": dir, "SOCK": dir + "/admin.sock", "LOG": w.logs.addr, "DEAD": loopback.Address() + ":8000",
		"ABNS": "keywords-" + filepath.Base(dir)}
	ip := loopback.Address()
	w.vars["IP"] = ip
	for i := 1; i <= serverCount; i++ {
		name := fmt.Sprintf("s%d", i)
		w.servers[name] = serve(t, name)
		w.vars[fmt.Sprintf("S%d", i)] = w.servers[name].addr
		w.vars[fmt.Sprintf("F%d", i)] = fmt.Sprintf("%s:%d", ip, 8000+i)
	}
	return w
}

// fill puts the world's addresses into text.
func (w *world) fill(text string) string {
	return os.Expand(text, func(name string) string {
		if v, ok := w.vars[name]; ok {
			return v
		}
		if strings.ContainsAny(name, "-") || name != strings.ToUpper(name) {
			return "${" + name + "}"
		}
		return "$" + name
	})
}

// start writes the row's file and runs the program until the test ends.
func (w *world) start(r *row) {
	w.t.Helper()
	text := r.cfg
	if !r.bare {
		text = "global\n    nbthread 1\n    stats socket $SOCK mode 600 level admin\n" + r.global + common + r.cfg
	}
	path := filepath.Join(w.vars["DIR"], "t.cfg")
	if err := os.WriteFile(path, []byte(w.fill(text)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.run(path, strings.Fields(w.fill(r.flags)))
	w.await(r)
}

func (w *world) run(path string, flags []string) {
	name, env := "haproxy", os.Environ()
	if w.program == "bascule" {
		self, err := os.Executable()
		if err != nil {
			w.t.Fatal(err)
		}
		name, env = self, append(env, asBascule+"=1")
	}
	if len(flags) == 0 || flags[0] != "-Ws" {
		flags = append([]string{"-db"}, flags...)
	}
	w.cmd = exec.Command(name, append([]string{"-f", path}, flags...)...)
	w.cmd.Env = env
	w.cmd.Stdout, w.cmd.Stderr = w.out, w.out
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	w.cmd.ExtraFiles = w.files(flags)
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.gone = make(chan struct{})
	go func() { // ends with the process, which the cleanup kills
		_ = w.cmd.Wait()
		close(w.gone)
	}()
	w.t.Cleanup(func() {
		_ = w.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-w.gone:
		case <-time.After(patience):
			_ = w.cmd.Process.Kill()
			<-w.gone
		}
		for _, c := range w.conns {
			c.Close()
		}
	})
}

// files are the listeners that the program inherits, from descriptor 3 on.
func (w *world) files([]string) []*os.File {
	l, err := net.Listen("tcp", w.vars["F4"])
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	l.Close()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { f.Close() })
	return []*os.File{f}
}

// await waits until the program serves.
func (w *world) await(r *row) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var err error
		if r.bare {
			var c net.Conn
			if c, err = net.Dial("tcp", w.vars["F1"]); err == nil {
				c.Close()
			}
		} else {
			_, err = w.ask("show info")
		}
		if err == nil {
			return
		}
		select {
		case <-w.gone:
			w.t.Fatalf("it does not start:\n%s", w.output())
		default:
		}
		if time.Now().After(end) {
			w.t.Fatalf("it does not serve: %v\n%s", err, w.output())
		}
	}
}

func (w *world) output() string { return w.out.String() }

// A safeBuffer is read while a process writes it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A collector keeps the log lines that come by UDP.
type collector struct {
	addr string
	mu   sync.Mutex
	list []string // guarded by mu
}

func collect(t *testing.T) *collector {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &collector{addr: conn.LocalAddr().String()}
	go func() { // ends when the socket is closed
		buf := make([]byte, 64<<10)
		for {
			n, _, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			c.mu.Lock()
			c.list = append(c.list, string(buf[:n]))
			c.mu.Unlock()
		}
	}()
	return c
}

func (c *collector) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.list...)
}
