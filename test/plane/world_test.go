// Package plane puts the same bytes through Debian's haproxy and through
// bascule and compares what the client reads, what the server sees, how the
// connections end, and the log line.
package plane

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

	"bascule/internal/config"
	"bascule/internal/engine"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// frame is the configuration that every case fills in.
const frame = `
global
    maxconn 200
    nbthread 1
    stats socket $DIR/sock mode 600 level admin
    $GLOBAL
defaults
    mode http
    log $LOG local0
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    .if feature(BASCULE)
    no option safe-replay
    no option redispatch-at-once
    .endif
    $DEFAULTS
frontend fe
    bind $SITE $BIND
    $FRONT
    default_backend be
backend be
    $BACK
    $SERVERS
`

// A world is one proxy with its servers and its log.
type world struct {
	t       *testing.T
	site    string
	dir     string
	log     net.PacketConn
	servers []*server
	stop    func() // the proxy
	logged  []string
}

var addresses atomic.Int32

// address is a loopback address of the test's own: the port is free on it.
func address() string {
	n := int(addresses.Add(1))
	return fmt.Sprintf("127.%d.%d.%d:8000", 2+os.Getpid()%250, n/250%250, 1+n%250)
}

func newWorld(t *testing.T, c *exchange) (*world, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, site: address()}
	if w.log, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.log.Close() })
	var lines []string
	scripts := c.servers
	if c.addr != "" {
		lines = append(lines, fmt.Sprintf("server s1 %s %s", c.addr, c.options))
		scripts = []func(*peer){}
	}
	if scripts == nil {
		scripts = []func(*peer){c.server}
	}
	for i, script := range scripts {
		addr := nobody
		if script != nil {
			s := serve(t, script)
			w.servers = append(w.servers, s)
			addr = s.addr
		}
		lines = append(lines, fmt.Sprintf("server s%d %s %s", i+1, addr, c.options))
	}
	text := strings.NewReplacer("$DIR", dir, "$LOG", w.log.LocalAddr().String(), "$SITE", w.site, "$BIND", c.bind, "$GLOBAL", c.global,
		"$DEFAULTS", indent(c.defaults), "$FRONT", indent(c.front), "$BACK", indent(c.back), "$SERVERS", indent(strings.Join(lines, "\n"))).Replace(frame)
	file := filepath.Join(dir, "cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w, file
}

// nobody is an address that refuses.
const nobody = "127.0.0.1:1"

func indent(lines string) string { return strings.ReplaceAll(lines, "\n", "\n    ") }

// haproxy runs Debian's.
func haproxy(t *testing.T, c *exchange) *world {
	w, file := newWorld(t, c)
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle of this test is Debian's haproxy (make deps installs it): %v", err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process
		_ = cmd.Wait()
		close(ended)
	}()
	w.stop = func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(w.stop)
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if conn, err := net.Dial("unix", w.dir+"/sock"); err == nil {
			conn.Close()
			if w.ask("show info") != "" { // its socket is there before those of its frontends
				return w
			}
		}
		select {
		case <-ended:
			t.Fatalf("haproxy: %s", out.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatal("haproxy does not start")
		}
	}
}

// bascule runs an engine in this process.
func bascule(t *testing.T, c *exchange) *world {
	w, file := newWorld(t, c)
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
	w.stop = sync.OnceFunc(e.Stop)
	t.Cleanup(w.stop)
	return w
}

// A server answers connections by a script and notes what it was sent.
type server struct {
	addr    string
	ln      net.Listener
	gone    chan struct{}
	release func()
	mu      sync.Mutex
	peers   []*peer // guarded by mu
	wg      sync.WaitGroup
}

func serve(t *testing.T, script func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), gone: make(chan struct{})}
	s.release = sync.OnceFunc(func() { close(s.gone) })
	s.wg.Go(func() { // ends with the listener
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p := newPeer(t, conn)
			p.srv, p.gone = true, s.gone
			s.mu.Lock()
			s.peers = append(s.peers, p)
			s.mu.Unlock()
			s.wg.Go(func() { // ends with the connection, which has a deadline
				defer func() { _ = recover() }() // the script met the end of its connection
				defer p.conn.Close()
				script(p)
			})
		}
	})
	s.ln = ln
	t.Cleanup(s.close)
	return s
}

func (s *server) close() {
	s.release()
	s.ln.Close()
	s.mu.Lock()
	for _, p := range s.peers {
		p.conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// end stops the proxy and waits until the servers have seen all of it.
func (w *world) end() {
	w.stop()
	for _, s := range w.servers {
		s.ln.Close()
		s.release()
		s.wg.Wait()
	}
}

// conns are the connections so far.
func (w *world) conns() []*peer {
	var all []*peer
	for _, s := range w.servers {
		s.mu.Lock()
		all = append(all, s.peers...)
		s.mu.Unlock()
	}
	return all
}

// await polls until ok.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("in vain: %s", what)
		}
	}
}

// ask runs a command on the runtime socket.
func (w *world) ask(command string) string {
	w.t.Helper()
	conn, err := net.Dial("unix", w.dir+"/sock")
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, command+"\n") // the answer shows
	b, _ := io.ReadAll(conn)
	return string(b)
}

// stat is a value of the backend's line of show stat, by its column.
func (w *world) stat(name, column string) string {
	lines := strings.Split(w.ask("show stat"), "\n")
	columns := strings.Split(strings.TrimPrefix(lines[0], "# "), ",")
	for _, line := range lines[1:] {
		v := strings.Split(line, ",")
		if len(v) > 1 && v[0]+"/"+v[1] == name {
			for i, c := range columns {
				if c == column {
					return v[i]
				}
			}
		}
	}
	return ""
}

// queued waits until so many requests are queued.
func (w *world) queued(n int) {
	w.t.Helper()
	w.await("requests in the queue", func() bool {
		a, b := w.stat("be/s1", "qcur"), w.stat("be/BACKEND", "qcur")
		return a == fmt.Sprint(n) || b == fmt.Sprint(n)
	})
}

// sessions waits until the server has so many.
func (w *world) sessions(n int) {
	w.t.Helper()
	w.await("sessions of the server", func() bool { return w.stat("be/s1", "scur") == fmt.Sprint(n) })
}
