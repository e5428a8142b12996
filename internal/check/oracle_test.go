package check

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// An oracle is a running HAProxy that is asked over its runtime socket.
type oracle struct {
	t      *testing.T
	socket string
}

// patience is how long a test waits for HAProxy before it fails.
const patience = time.Minute

// preamble is the defaults that the oracle's file and ours begin with.
const preamble = "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"

// parse reads the same backends for us.
func parse(t *testing.T, backends string) []*config.Proxy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.cfg")
	if err := os.WriteFile(file, []byte(preamble+backends), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{file}, config.Env{})
	if cfg == nil {
		t.Fatalf("%s\n%+v", backends, problems.List)
	}
	return cfg.Proxies
}

// startOracle runs Debian's haproxy with those backends until the test ends.
func startOracle(t *testing.T, backends string, global ...string) *oracle {
	t.Helper()
	dir := t.TempDir()
	o := &oracle{t: t, socket: filepath.Join(dir, "s")}
	file := filepath.Join(dir, "c.cfg")
	text := "global\n stats socket " + o.socket + " level admin\n" + strings.Join(global, "") + preamble + backends
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle of this test is Debian's haproxy (apt-get install haproxy): %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s\n%s", text, stderr.String())
		}
	})
	for until := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", o.socket)
		if err == nil {
			conn.Close()
			return o
		}
		if time.Now().After(until) {
			t.Fatalf("haproxy does not answer: %v\n%s", err, stderr.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ask sends a line to the runtime socket. It may be called from any goroutine.
func (o *oracle) ask(line string) (string, error) {
	conn, err := net.Dial("unix", o.socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// servers are the rows of "show stat" for servers, by backend.
func (o *oracle) servers() (map[string]map[string]string, error) {
	all, err := o.stat()
	out := map[string]map[string]string{}
	for name, row := range all {
		if backend, ok := strings.CutSuffix(name, "/s"); ok {
			out[backend] = row
		}
	}
	return out, err
}

// stat is "show stat" by "backend/server".
func (o *oracle) stat() (map[string]map[string]string, error) {
	answer, err := o.ask("show stat")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("show stat: %w: %s", err, answer)
	}
	out := map[string]map[string]string{}
	for _, r := range rows[1:] {
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = r[i]
		}
		out[r[0]+"/"+r[1]] = row
	}
	return out, nil
}

// listen serves each connection on a goroutine until the test ends.
func listen(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			all.Go(func() { // ends with its connection
				serve(conn)
				conn.Close()
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

// live runs backend and checks of ps over real sockets until the test ends.
func live(t *testing.T, ps ...*config.Proxy) []*backend.Backend {
	t.Helper()
	return liveTo(t, nil, ps...)
}
