package check

import (
	"bytes"
	"context"
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
const patience = 20 * time.Second

// startOracle runs Debian's haproxy with those backends until the test ends.
func startOracle(t *testing.T, backends string) *oracle {
	t.Helper()
	dir := t.TempDir()
	o := &oracle{t: t, socket: filepath.Join(dir, "s")}
	file := filepath.Join(dir, "c.cfg")
	text := "global\n stats socket " + o.socket + " level admin\ndefaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n" + backends
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
		if r[1] != "s" {
			continue
		}
		out[r[0]] = map[string]string{}
		for i, name := range rows[0] {
			out[r[0]][name] = r[i]
		}
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

// live runs backend and checks of p over real sockets until the test ends.
func live(t *testing.T, ps ...*config.Proxy) []*backend.Backend {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var owners sync.WaitGroup
	var bs []*backend.Backend
	for _, p := range ps {
		b := backend.New(p, backend.Env{Loops: 1})
		owners.Go(func() { b.Run(ctx) }) // ends with the test
		bs = append(bs, b)
	}
	c := New(ctx, Env{})
	c.Apply(bs)
	t.Cleanup(func() { cancel(); c.Wait(); owners.Wait() })
	return bs
}
