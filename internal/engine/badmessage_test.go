package engine

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// badConfig has a server that answers by the path, and one that refuses, whose check
// tells when the oracle runs.
const badConfig = `
global
    stats socket $DIR/sock mode 600 level admin
defaults
    mode http
    timeout connect 1m
    timeout client 1m
    timeout server 1m
frontend fe
    bind $FE
    default_backend be
backend be
    server s1 $SERVER
    server s2 $REFUSING check inter 1h weight 0
listen 99
    id 12
    bind $OTHER
    server s3 $SERVER
frontend lone
    bind $LONE
`

// badServer answers a path with what is under it.
func badServer(t *testing.T, replies map[string]string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // until l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the exchange
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				if words := strings.Fields(string(buf[:n])); len(words) > 1 {
					io.WriteString(c, replies[words[1]])
				}
			}()
		}
	}()
	return l.Addr().String()
}

// sendBad sends a message and reads until the end.
func sendBad(t *testing.T, addr, message string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, message)
	_, _ = io.Copy(io.Discard, c) // a reset is an end too
}

// plain leaves out of "show errors" what differs by nature: times, ports, HAProxy's
// insides, and our reason.
func plain(answer string) string {
	for _, r := range []struct{ re, by string }{
		{`\[[^]]*\d:\d[^]]*\]`, "[T]"},
		{`src 127\.0\.0\.1:\d+`, "src P"},
		{`wraps at \d+`, "wraps at N"},
		{`flags 0x[0-9a-f]{8}`, "flags F"},
		{`len \d+ bytes`, "len N bytes"},
		{`(?m)^  refused for: .+\n`, ""},
	} {
		answer = regexp.MustCompile(r.re).ReplaceAllString(answer, r.by)
	}
	return answer
}

// Messages without secrets, at whose faults both stop at the same byte, are shown as
// by haproxy.
func TestErrorsAreShownAsByHAProxy(t *testing.T) {
	replies := map[string]string{
		"/nul":  "HTTP/1.1 200 OK\r\nX@Y\x00: z\x01\x00\xffz\r\n\r\n",
		"/name": "HTTP/1.1 200 OK\r\nX@Y z\\\tz: 1\r\n\r\n",
		"/code": "HTTP/1.1 2x0 OK\r\n\r\n",
	}
	text := strings.NewReplacer("$SERVER", badServer(t, replies), "$REFUSING", freeAddr(t)).Replace(badConfig)
	var addrs [2][3]string // haproxy's and ours, of fe, 99 and lone
	var texts [2]string
	for i := range addrs {
		addrs[i] = [3]string{freeAddr(t), freeAddr(t), freeAddr(t)}
		texts[i] = strings.NewReplacer("$FE", addrs[i][0], "$OTHER", addrs[i][1], "$LONE", addrs[i][2]).Replace(text)
	}
	sockets := [2]string{startOracle(t, texts[0]) + "/sock", run(t, texts[1]).socket}
	compare := func(line string) {
		t.Helper()
		want, got := plain(ask(t, sockets[0], line+"\n")), plain(ask(t, sockets[1], line+"\n"))
		if got != want {
			t.Errorf("%q\n got %s\nwant %s", line, got, want)
		}
	}
	long := strings.Repeat("abcdefghi ", 30)
	compare("show errors")
	for i, bad := range []struct {
		to      int
		message string
		line    string
	}{
		{0, "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", "show errors"},
		{2, "\x16\x03\x01\x02\x00\x01", "show errors"},
		{0, "GET / HTTP/1.1\r\nBad Name: x\r\nX: " + long + "\x1b\x02\\\t\x00z\xff\r\nX: \rY\r\n", "show errors fe"},
		{0, "GET /nul HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors"},
		{1, "GET /code HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors"},
		{1, "GET /name HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors 12"},
		{1, "GE\x01T / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors"},
		{1, "GET /\x01\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors 99"},
		{0, "GET / HTTP/1.1\r\nHost: a\r\n" + "X-" + strings.Repeat("y", 66) + "\x01: 1\r\n\r\n", "show errors"},
	} {
		for side := range addrs {
			sendBad(t, addrs[side][bad.to], bad.message)
		}
		if compare(bad.line); t.Failed() {
			t.Fatalf("after message %d", i)
		}
	}
	for _, line := range []string{
		"show errors", "show errors fe", "show errors be", "show errors lone", "show errors 99", "show errors 2", "show errors 3", "show errors 12",
		"show errors 98", "show errors -1", "show errors 0", "show errors nope", "show errors fe request", "show errors fe response",
		"show errors be request", "show errors be response", "show errors -1 response", "show errors fe other", "show errors request",
		"clear counters", "show errors", "clear counters all", "show errors",
	} {
		compare(line)
	}
}

func TestErrorsHideSecretsAndTellWhy(t *testing.T) {
	replies := map[string]string{
		"/cookie":  "HTTP/1.1 200 OK\r\nSet-Cookie: sid=hunter2\r\nX:\x00\r\n\r\nhunter2",
		"/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhunter2\r\nnot a size, but a long line\r\n",
	}
	fe := freeAddr(t)
	text := strings.NewReplacer("$SERVER", badServer(t, replies), "$REFUSING", freeAddr(t), "$FE", fe, "$OTHER", freeAddr(t), "$LONE", freeAddr(t)).Replace(badConfig)
	b := run(t, text)
	for _, bad := range []struct {
		name, message, line string
		want                []string
	}{
		{"fields, target and what follows", "GET /a?k=hunter2 HTTP/1.1\r\nHost: a\r\nCookie: s=hunter2\r\nAuthorization: Basic hunter2\r\nX: \x00\r\n\r\nhunter2", "show errors fe request", []string{
			"error at position 88", "refused for: NUL", `  00000  GET /a?********* HTTP/1.1\r\n`, `  00036  Cookie: *********\r\n`, `  00055  Authorization: ***** *******\r\n`, `  00085  X: \x00\r\n`, `  00093  *******`}},
		{"a chunk of a request", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhunter2\r\nnot a size\r\n", "show errors fe request", []string{
			"backend be (#3), server <NONE> (#-1)", "error at position 0", "refused for: chunk without a size", `  00000  not a size\r\n`}},
		{"a head of a reply", "GET /cookie HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors fe response", []string{
			"backend be (#3): invalid response\n  frontend fe (#2), server s1 (#1)", `  00017  Set-Cookie: ***********\r\n`, `  00049  *******`}},
		{"a chunk of a reply", "GET /chunked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "show errors be response", []string{
			"error at position 0", "MSG_CHUNK_SIZE(26)", `  00000  not a size, but ` + "\n"}},
	} {
		t.Run(bad.name, func(t *testing.T) {
			sendBad(t, fe, bad.message)
			got := ask(t, b.socket, bad.line+"\n")
			for _, want := range bad.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is in\n%s", got)
			}
		})
	}
	b.reload(text)
	if got := ask(t, b.socket, "show errors\n"); !strings.Contains(got, "] : 4\n") || !strings.Contains(got, "event #3") {
		t.Errorf("after a reload:\n%s", got)
	}
	b.reload(strings.Replace(text, "frontend fe", "frontend other", 1))
	if got := ask(t, b.socket, "show errors\n"); strings.Contains(got, "frontend fe (#2): invalid request") {
		t.Errorf("a frontend that is gone:\n%s", got)
	}
}
