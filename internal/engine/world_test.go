package engine

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
	"bascule/test/loopback"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// A balancer is an engine that a test runs, with its socket.
type balancer struct {
	*Engine
	t      testing.TB
	dir    string
	socket string
}

// parse reads a configuration; $DIR stands for the directory of sockets.
func parse(t testing.TB, dir, text string) *config.Config {
	t.Helper()
	file := filepath.Join(dir, "test.cfg")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{file}, config.System())
	if cfg == nil {
		var b bytes.Buffer
		_ = config.WriteProblems(&b, problems, 1)
		t.Fatalf("the configuration is refused:\n%s", b.String())
	}
	return cfg
}

// shortDir is a directory whose path leaves room for a socket's name: a path
// has 108 bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// run starts an engine and stops it with the test.
func run(t testing.TB, text string) *balancer {
	t.Helper()
	return runIn(t, shortDir(t), text)
}

// runIn runs an engine with its sockets in dir.
func runIn(t testing.TB, dir, text string) *balancer {
	t.Helper()
	e, err := New(parse(t, dir, text), Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Version: "3.2.0-bascule", Date: "2026/11/22"})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	t.Cleanup(e.Stop)
	return &balancer{Engine: e, t: t, dir: dir, socket: filepath.Join(dir, "sock")}
}

// reload swaps another configuration in.
func (b *balancer) reload(text string) {
	b.t.Helper()
	if _, err := b.Swap(parse(b.t, b.dir, text), nil, false); err != nil {
		b.t.Fatal(err)
	}
	b.Release()
}

// ask runs commands on a unix socket.
func ask(t testing.TB, socket, commands string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, commands); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%q: %v", commands, err)
	}
	return string(answer)
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// becomes waits until a value is what it should be, and tells the last one seen
// if that is in vain.
func becomes[T comparable](t testing.TB, what string, want T, look func() T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		got := look()
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

// freeAddr is an address that nobody listens on, nor will before the caller does.
func freeAddr(testing.TB) string { return loopback.Address() + ":8000" }

// reply is a whole reply with that body.
func reply(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
