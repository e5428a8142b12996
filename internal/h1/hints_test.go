package h1_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The hints of the longest try are more than an unread socket takes, and from
// one try to the next they grow by less than the smallest buffer.
const (
	hintTries = 90
	hintStep  = 3 << 10
	hintRules = 60
)

func TestHintsThatTheClientDoesNotTakeSpareItsRequest(t *testing.T) {
	rules := make([]string, hintRules)
	for i := range rules {
		rules[i] = "early-hint Link %[req.hdr(X-Long)]"
	}
	p := start(t, holding(t, rules...), 1, serve(t, mirror))
	narrow := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1) })
	}}
	if err := unix.SetsockoptInt(p.ln.Files()[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil { // as those that it accepts
		t.Fatal(err)
	}
	for try := range hintTries {
		c, err := narrow.DialContext(context.Background(), "tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		request := fmt.Sprintf("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Seen: me\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 1+try*hintStep/hintRules))
		_, _ = io.WriteString(c, request[:40])
		turn(p.loops[0]) // the head lies in a buffer
		_, _ = io.WriteString(c, request[40:])
		turn(p.loops[0])
		got, err := io.ReadAll(c)
		if err != nil || !strings.HasSuffix(string(got), "\r\n\r\nseen=me expect=\n") {
			t.Fatalf("try %d: %v, %d bytes, at last %q", try, err, len(got), got[max(0, len(got)-200):])
		}
		_ = c.Close()
	}
}
