package fleet

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bascule/test/loopback"
)

// misbehaving runs a stream server with a control socket, and returns its address and
// what sets its mode.
func misbehaving(t *testing.T) (addr string, set func(Mode)) {
	t.Helper()
	addr = loopback.Address() + ":8000"
	path := filepath.Join(t.TempDir(), "control.sock")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server{addr: addr, name: "s1", control: path, handler: NewStream("s1", 4, 0)}.serve(ctx, io.Discard, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	within(t, "the server listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr, func(mode Mode) {
		t.Helper()
		if err := SetMode(t.Context(), path, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// raw sends one request and returns all bytes until the end of the connection, and how
// it ended: nil for FIN.
func raw(t *testing.T, addr, path string) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

func TestEachModeBreaksAsItSays(t *testing.T) {
	addr, set := misbehaving(t)
	whole, err := raw(t, addr, "/health")
	if err != nil || !strings.HasPrefix(whole, "HTTP/1.1 200 ") {
		t.Fatalf("well: %q, %v", whole, err)
	}
	_, body, _ := strings.Cut(whole, "\r\n\r\n")
	for _, test := range []struct {
		mode   Mode
		path   string
		err    error // nil: FIN
		answer func(text string) bool
	}{
		{Refused, "/health", syscall.ECONNREFUSED, func(s string) bool { return s == "" }},
		{Reset, "/health", syscall.ECONNRESET, func(s string) bool { return s == "" }},
		{Reset, "/stats", syscall.ECONNRESET, func(s string) bool { return s == "" }},
		{ResetMidway, "/health", syscall.ECONNRESET, func(s string) bool { return isHalf(s, body) }},
		{Truncated, "/health", nil, func(s string) bool { return isHalf(s, body) }},
		{Garbage, "/health", nil, func(s string) bool { return s == string(garbage) }},
		{Errors, "/health", nil, func(s string) bool { return strings.HasPrefix(s, "HTTP/1.1 500 ") }},
		{Slow, "/health", nil, func(s string) bool { return strings.HasSuffix(s, body) }},
		{Lies, "/health", nil, func(s string) bool { return strings.HasSuffix(s, body) }},
		{Lies, "/stats", syscall.ECONNRESET, func(s string) bool { return s == "" }},
	} {
		set(test.mode)
		begun := time.Now()
		text, err := raw(t, addr, test.path)
		if !errors.Is(err, test.err) || (test.err == nil && err != nil) || !test.answer(text) {
			t.Errorf("%s %s: got %q, %v; want %v", test.mode, test.path, text, err, test.err)
		}
		if took := time.Since(begun); test.mode == Slow && took < slowBy {
			t.Errorf("slow: answered after %v", took)
		}
		set(Well)
		if text, err := raw(t, addr, "/health"); err != nil || !strings.HasSuffix(text, body) {
			t.Errorf("well after %s: %q, %v", test.mode, text, err)
		}
	}
}

// isHalf says whether a reply promises body and brings a part of it.
func isHalf(reply, body string) bool {
	head, part, ok := strings.Cut(reply, "\r\n\r\n")
	return ok && strings.Contains(head, "Content-Length: "+strconv.Itoa(len(body))) &&
		len(part) == len(body)/2 && strings.HasPrefix(body, part)
}

func TestEverySecondRequestIsExecutedBeforeItsReset(t *testing.T) {
	var executed atomic.Int64
	f := &faulty{next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { executed.Add(1) })}
	mode := Reset
	f.mode.Store(&mode)
	srv := startServer(t, f)
	for range 6 {
		if _, err := raw(t, srv, "/"); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	}
	if n := executed.Load(); n != 3 {
		t.Errorf("%d of 6 were executed, want 3", n)
	}
}

func TestIdleConnectionsAreClosedWhenThePortIs(t *testing.T) {
	addr, set := misbehaving(t)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: s\r\n\r\n")
	if n, err := conn.Read(make([]byte, 4096)); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	set(Refused)
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("an idle connection got %q, %v; want its end", rest, err)
	}
}

func TestUnknownModesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	stop, err := (&control{faulty: &faulty{}}).listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := SetMode(t.Context(), path, "asleep"); err == nil || !strings.Contains(err.Error(), `"asleep"`) {
		t.Errorf("got %v, want an error that names the mode", err)
	}
	if _, err := (&control{}).listen(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second control on the same path: %v", err)
	}
}

// startServer serves h without its log and returns its address.
func startServer(t *testing.T, h http.Handler) string {
	t.Helper()
	ln, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return ln.Addr().String()
}
