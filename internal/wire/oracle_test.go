package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHAProxyRequests sends every head of the table through a running HAProxy.
// It refuses with 400; where its verdict is not ours the table says so.
func TestHAProxyRequests(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	front := startHAProxy(t, startServer(t, func() string { return answer }))
	for _, v := range requestVerdicts {
		t.Run(v.name, func(t *testing.T) {
			status := through(t, front, v.head)
			accepted := status != "400" && status != "414" && status != "505" && status != "422"
			compareVerdicts(t, v, accepted, status)
		})
	}
}

// TestHAProxyReplies lets a server behind HAProxy answer with every head of the
// table. HAProxy refuses with 502.
func TestHAProxyReplies(t *testing.T) {
	var answer string
	front := startHAProxy(t, startServer(t, func() string { return answer }))
	for _, v := range replyVerdicts {
		t.Run(v.name, func(t *testing.T) {
			answer = v.head
			status := through(t, front, get("Connection: close"))
			compareVerdicts(t, v, status != "502", status)
		})
	}
}

func compareVerdicts(t *testing.T, v verdict, accepted bool, status string) {
	t.Helper()
	if ours := v.why == ""; (accepted == ours) == v.haproxy {
		t.Errorf("HAProxy answered %q, we accept: %v, table says different: %v", status, ours, v.haproxy)
	}
}

// through sends bytes and gives the status of the first answer, "" if none.
func through(t *testing.T, addr, sent string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	// HAProxy may answer and close before it has read all of a refused head.
	_, _ = io.WriteString(c, sent)
	first, _ := bufio.NewReader(c).ReadString('\n')
	if words := strings.Fields(first); len(words) > 1 {
		return words[1]
	}
	return ""
}

// startServer answers each connection's first head, whatever it is.
func startServer(t *testing.T, answer func() string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends when the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(time.Minute))
			var got []byte
			buf := make([]byte, 32<<10)
			for !bytes.Contains(got, []byte("\r\n\r\n")) {
				n, err := c.Read(buf)
				if err != nil {
					break
				}
				got = append(got, buf[:n]...)
			}
			io.WriteString(c, answer())
			c.Close()
		}
	}()
	return l.Addr().String()
}

func startHAProxy(t *testing.T, server string) string {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		t.Fatal("this test compares with haproxy: apt-get install haproxy")
	}
	dir := t.TempDir()
	front := filepath.Join(dir, "front")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	defer file.Close()
	text := fmt.Sprintf(`global
	maxconn 100
defaults
	mode http
	timeout connect 20s
	timeout client 20s
	timeout server 20s
	timeout http-request 5s
	retries 0
frontend f
	bind fd@3
	default_backend b
backend b
	http-reuse never
	server s %s
`, server)
	if err := os.WriteFile(front+".cfg", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-db", "-q", "-f", front+".cfg")
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return addr
}
