package engine

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// logSink is a UDP socket that log lines come to.
func logSink(t *testing.T) (addr string, next func() string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String(), func() string {
		buf := make([]byte, 8192)
		for {
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				return err.Error()
			}
			if line := string(buf[:n]); strings.Contains(line, " f") && strings.Contains(line, "127.0.0.1:") {
				_, line, _ = strings.Cut(line, "]: ")
				return varying.ReplaceAllString(line, "$1 [D] $3 ") + ""
			}
		}
	}
}

// varying are the client's port and the date; timers are compared by sign.
var (
	varying = regexp.MustCompile(`^(127\.0\.0\.1):\d+ \[([^]]*)\] (\S+) `)
	timers  = regexp.MustCompile(` (-?\d+)/(-?\d+)/(\+?\d+) `)
	known   = regexp.MustCompile(`\d+`)
)

// shape replaces times that were reached by T.
func shape(line string) string {
	return timers.ReplaceAllStringFunc(line, func(s string) string {
		return known.ReplaceAllStringFunc(strings.ReplaceAll(s, "-1", "N"), func(string) string { return "T" })
	})
}

// judge runs Debian's haproxy until the test ends.
func judge(t *testing.T, text string) {
	t.Helper()
	dir := shortDir(t)
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-q", "-f", file)
	if err := cmd.Start(); err != nil {
		t.Fatalf("the oracle of this test is Debian's haproxy (apt-get install haproxy): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

// A play is what a client or a server does with its connection.
type play func(c net.Conn)

func ending(steps ...play) play {
	return func(c net.Conn) {
		for _, s := range steps {
			s(c)
		}
	}
}

func send(s string) play { return func(c net.Conn) { _, _ = io.WriteString(c, s) } }
func read(n int) play    { return func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, n)) } }
func toEnd(c net.Conn)   { _, _ = io.Copy(io.Discard, c) }
func half(c net.Conn)    { _ = c.(*net.TCPConn).CloseWrite() }
func reset(c net.Conn)   { _ = c.(*net.TCPConn).SetLinger(0) }

// playServer runs a script on every connection, then closes it.
func playServer(t *testing.T, p play) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // until the listener is closed
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // until its script ends, which deadlines bound
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				p(c)
			}()
		}
	}()
	return ln.Addr().String()
}

func TestTCPLogLinesAreHAProxys(t *testing.T) {
	tests := map[string]struct {
		front, back    string
		client, server play
		noServer       bool
		passed         bool
		options        string // of the server
	}{
		"the client ends first":                     {client: ending(send("hello"), read(2), half, toEnd), server: ending(read(5), send("ok"), toEnd)},
		"the server ends first":                     {client: ending(send("hello"), toEnd), server: ending(read(5), send("ok"))},
		"the client is reset":                       {client: ending(send("hello"), read(2), reset), server: ending(read(5), send("ok"), toEnd)},
		"the server is reset at once":               {client: ending(send("hello"), toEnd), server: ending(read(5), reset)},
		"the client is silent":                      {front: "timeout client 2s", client: ending(read(2), toEnd), server: ending(send("ok"), toEnd)},
		"the server is silent":                      {back: "timeout server 2s", client: ending(send("hello"), toEnd), server: ending(read(5), toEnd)},
		"a tunnel is silent":                        {back: "timeout tunnel 2s", client: ending(send("hello"), read(2), toEnd), server: ending(read(5), send("ok"), toEnd)},
		"client-fin leaves who waits for a reply":   {front: "timeout client-fin 1s", client: ending(send("hello"), half, toEnd), server: ending(read(5), toEnd, func(net.Conn) { time.Sleep(1500 * time.Millisecond) })},
		"a half-closed server is too late":          {back: "timeout server-fin 2s", client: ending(send("hello"), read(1), func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }), server: ending(read(5), send("o"), half, toEnd)},
		"the server refuses":                        {back: "retries 1", client: toEnd, noServer: true},
		"no server is up":                           {client: toEnd, options: "disabled", server: toEnd},
		"the content is rejected":                   {front: "tcp-request inspect-delay 10m\n  tcp-request content reject if REQ_CONTENT", client: ending(send("hello"), toEnd), server: toEnd},
		"the reply is rejected":                     {back: "tcp-response inspect-delay 10m\n  tcp-response content reject if { res.len gt 0 }", client: ending(send("hello"), toEnd), server: ending(read(5), send("ok"), toEnd), passed: true},
		"the client leaves while inspected":         {front: "tcp-request inspect-delay 10m\n  tcp-request content accept if { req.len gt 10 }", client: ending(send("hello"), half, toEnd), server: ending(toEnd)},
		"the connection is rejected by the session": {front: "tcp-request session accept", client: ending(send("hello"), half, toEnd), server: ending(toEnd)},
		"the header is none":                        {front: "#proxy", client: ending(send("hello there, this is no header\r\n"), toEnd), server: toEnd},
		"the header is wrong":                       {front: "#proxy", client: ending(send("PROXY TCP4 1.2.3 4\r\n"), toEnd), server: toEnd},
		"the header does not come":                  {front: "#proxy\n  timeout client 200ms", client: toEnd, server: toEnd},
		"the client ends before a header":           {front: "#proxy", client: ending(send("PROXY"), half, toEnd), server: toEnd},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := freeAddr(t)
			if !tt.noServer {
				server = playServer(t, tt.server)
			}
			text := func(sink, bind string) string {
				proxy := ""
				if strings.HasPrefix(tt.front, "#proxy") {
					proxy = " accept-proxy"
				}
				return fmt.Sprintf("global\n  nbthread 1\n  log %s local0\n  stats socket $DIR/sock level admin\ndefaults\n  mode tcp\n  log global\n  option tcplog\n  .if feature(BASCULE)\n  no option safe-replay\n  no option redispatch-at-once\n  .endif\n  timeout connect 30s\n  timeout client 1m\n  timeout server 1m\n"+
					"frontend f\n  bind %s%s\n  %s\n  default_backend b\nbackend b\n  %s\n  server s1 %s %s\n", sink, bind, proxy, strings.ReplaceAll(tt.front, "#proxy", ""), tt.back, server, tt.options)
			}
			line := func(start func(text string), sink string, next func() string) string {
				addr := freeAddr(t)
				start(text(sink, addr))
				var c net.Conn
				eventually(t, "it listens", func() (ok bool) {
					var err error
					c, err = net.Dial("tcp", addr)
					return err == nil
				})
				_ = c.SetDeadline(time.Now().Add(patience))
				tt.client(c)
				_ = c.Close()
				return shape(next())
			}
			sink, next := logSink(t)
			got := line(func(text string) { run(t, text) }, sink, next)
			sink, next = logSink(t)
			want := line(func(text string) { judge(t, text) }, sink, next)
			if tt.passed { // HAProxy counts what the server sent, too
				want = strings.Replace(want, " 2 PD ", " 0 PD ", 1)
			}
			if got != want {
				t.Errorf("\n    got %s\nhaproxy %s", got, want)
			}
		})
	}
}
