package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const webSocketConfig = `
global
    log {LOG} local0
    stats socket {SOCKET} level admin
defaults
    log global
    option httplog
    mode http
    timeout connect 5s
    timeout client 3s
    timeout server 3s
    timeout tunnel 1h
frontend fe
    bind {SITE}
    use_backend quiet if { path_beg /quiet }
    default_backend be
backend be
    server s1 {SERVER}
backend quiet
    timeout tunnel 4s
    server s1 {SERVER}
`

// tunnelTimeout is that of what is quiet, and otherTimeout that of what is no tunnel.
const tunnelTimeout, otherTimeout = 4 * time.Second, 3 * time.Second

// webSockets is a balancer before a server that sends everything back, and
// closes with 4001 when it is told to.
func webSockets(t *testing.T) (site, socket string, log *journal) {
	t.Helper()
	srv := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // it has answered
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, data, err := c.Read(r.Context())
			switch {
			case err != nil:
				return
			case string(data) == "leave":
				_ = c.Close(4001, "as told") // the client says what it saw
				return
			case c.Write(r.Context(), kind, data) != nil:
				return
			}
		}
	}))
	site, socket = address()+":8000", runDir(t)+"/s"
	log, udp := syslogUDP(t)
	start(t, bascule, "-f", config(t, webSocketConfig, "SITE", site, "SOCKET", socket, "LOG", udp, "SERVER", srv))
	serving(t, socket)
	return site, socket, log
}

func connect(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, resp, err := websocket.Dial(t.Context(), "ws://"+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", resp.StatusCode)
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func echo(t *testing.T, c *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Write(ctx, kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if got, data, err := c.Read(ctx); err != nil || got != kind || string(data) != text {
		t.Fatalf("%d bytes came back as %d, %d bytes, %v", len(text), got, len(data), err)
	}
}

func TestWebSocketsByGo(t *testing.T) {
	t.Parallel()
	site, socket, log := webSockets(t)
	t.Run("messages of all sizes pass", func(t *testing.T) {
		c := connect(t, site+"/")
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
			echo(t, c, websocket.MessageBinary, strings.Repeat("x", n))
		}
		if err := c.Ping(c.CloseRead(t.Context())); err != nil {
			t.Errorf("ping: %v", err)
		}
	})
	t.Run("the server's close code passes", func(t *testing.T) {
		c := connect(t, site+"/")
		if err := c.Write(t.Context(), websocket.MessageText, []byte("leave")); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.Read(t.Context())
		var end websocket.CloseError
		if !errors.As(err, &end) || end.Code != 4001 || end.Reason != "as told" {
			t.Errorf("the end is %v, want 4001 as told", err)
		}
	})
	t.Run("the client's close is answered", func(t *testing.T) {
		c := connect(t, site+"/")
		echo(t, c, websocket.MessageText, "hello")
		if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Error(err)
		}
	})
	t.Run("timeout tunnel ends an idle one, and only that", func(t *testing.T) {
		c := connect(t, site+"/quiet")
		began := time.Now()
		var spoke time.Time // before the last word
		for spoke.Sub(began) < tunnelTimeout+time.Second {
			within(500*time.Millisecond, func() bool { return false })
			spoke = time.Now()
			echo(t, c, websocket.MessageText, "tick")
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, _, err := c.Read(ctx)
		if took := time.Since(spoke); ctx.Err() != nil || err == nil || took < tunnelTimeout {
			t.Errorf("idle, it ended after %v with %v; want %v", took, err, tunnelTimeout)
		}
		line := log.line(t, "GET /quiet")
		// HAProxy's code: a timeout in the phase of data, seen from either side.
		if !strings.Contains(line, " 101 ") || !strings.Contains(line, " cD-- ") && !strings.Contains(line, " sD-- ") {
			t.Errorf("logged as %q", line)
		}
	})
	t.Run("a longer one outlives timeout client, and is seen and counted", func(t *testing.T) {
		c := connect(t, site+"/")
		echo(t, c, websocket.MessageText, "hello")
		// Those of the tests before it may not yet be seen as ended.
		await(t, "scur 1", func() bool { return stat(t, socket)["be/s1"]["scur"] == "1" })
		within(otherTimeout+time.Second, func() bool { return false })
		echo(t, c, websocket.MessageText, "still here")
		mustAsk(t, socket, "shutdown sessions server be/s1")
		_, _, err := c.Read(t.Context())
		if code := websocket.CloseStatus(err); code != 1012 {
			t.Errorf("shutdown sessions ends it with %v, want 1012", err)
		}
		await(t, "scur 0", func() bool { return stat(t, socket)["be/s1"]["scur"] == "0" })
	})
}

// TestWebSocketsByPython is a client that shares no line of code with Go's.
func TestWebSocketsByPython(t *testing.T) {
	t.Parallel()
	site, _, _ := webSockets(t)
	ip, port, _ := strings.Cut(site, ":")
	for _, c := range []struct {
		name, path, say string
		want            []string
	}{
		{"text, ping and the client's close", "/", "hello\nping\nclose 1000\n", []string{"text 5 hello", "pong 13 are you there", "ended: close 1000 bye"}},
		{"a close code of its own", "/", "close 4321\n", []string{"ended: close 4321 bye"}},
		{"the server's close", "/", "leave\n", []string{"ended: close 4001 as told"}},
		{"a large message", "/", "big 300000\nclose 1000\n", []string{"binary 300000 ", "ended: close 1000 bye"}},
		{"an idle one", "/quiet", "hello\nwait\n", []string{"text 5 hello", "ended: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "python3", "testdata/ws.py", ip, port, c.path)
			cmd.Stdin = strings.NewReader(c.say)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestWebSocketUpgradeByCurl: what is behind the reply's head is no HTTP any more.
func TestWebSocketUpgradeByCurl(t *testing.T) {
	t.Parallel()
	site, _, _ := webSockets(t)
	out, err := run(t, "curl", "-si", "--http1.1", "--max-time", "60", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
		"-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "http://"+site+"/quiet")
	// The sample of RFC 6455 §1.3. curl ends with the tunnel's timeout.
	if !strings.HasPrefix(out, "HTTP/1.1 101 ") || !strings.Contains(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
		t.Errorf("%q, %v", out, err)
	}
	plain, err := run(t, "curl", "-si", "--max-time", "60", "http://"+site+"/")
	if err != nil || !strings.HasPrefix(plain, "HTTP/1.1 426 ") {
		t.Errorf("without an upgrade: %q, %v", plain, err)
	}
}

// TestAServersDeathEndsItsWebSockets: clients of a killed server are not left
// waiting, and their next connection finds the other.
func TestAServersDeathEndsItsWebSockets(t *testing.T) {
	t.Parallel()
	dir, redis := runDir(t), address()
	start(t, "redis-server", "--bind", redis, "--port", "6379", "--save", "", "--dir", dir)
	await(t, "redis", func() bool {
		out, err := run(t, "redis-cli", "-h", redis, "ping")
		return err == nil && strings.TrimSpace(out) == "PONG"
	})
	var addrs []string
	var apis []*process
	for _, name := range []string{"one", "two"} {
		addrs = append(addrs, address()+":8080")
		apis = append(apis, start(t, bascule, "fleet", "api", "--addr", addrs[len(addrs)-1], "--name", name, "--redis", redis+":6379"))
	}
	site := address() + ":8000"
	start(t, bascule, "-f", config(t, `
global
    stats socket {SOCKET} level admin
    log stdout format raw local0
defaults
    log global
    option httplog
    mode http
    timeout connect 30s
    timeout check 1m
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
    option redispatch
listen site
    bind {SITE}
    balance roundrobin
    cookie SRV insert indirect nocache
    option httpchk GET /health
    default-server check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
    server one {ONE} cookie one
    server two {TWO} cookie two
`, "SOCKET", dir+"/s", "SITE", site, "ONE", addrs[0], "TWO", addrs[1]))
	serving(t, dir+"/s")
	await(t, "both servers", func() bool {
		rows := stat(t, dir+"/s")
		return rows["site/one"]["check_status"] == "L7OK" && rows["site/two"]["check_status"] == "L7OK" &&
			strings.HasPrefix(rows["site/one"]["status"], "UP") && strings.HasPrefix(rows["site/two"]["status"], "UP")
	})
	session := loginAs(t, "http://"+site)
	chat := func(sticky string) (*websocket.Conn, string) {
		var c *websocket.Conn
		await(t, "a chat", func() (ok bool) { // one who asks a dying server asks again
			var err error
			c, _, err = websocket.Dial(t.Context(), "ws://"+site+"/api/v1/rooms/lobby/chat?client="+sticky, &websocket.DialOptions{
				HTTPHeader: http.Header{"Cookie": {session + "; SRV=" + sticky}}})
			return err == nil
		})
		t.Cleanup(func() { _ = c.CloseNow() })
		_, hello, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c, string(hello)
	}
	c, hello := chat("one")
	if !strings.Contains(hello, `"server":"one"`) {
		t.Fatalf("hello is %s", hello)
	}
	apis[0].signal(t, syscall.SIGKILL)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	for err == nil { // presence and such may come before
		_, _, err = c.Read(ctx)
	}
	if ctx.Err() != nil {
		t.Errorf("the death of its server did not end a chat: %v", err)
	}
	if _, hello := chat("one"); !strings.Contains(hello, `"server":"two"`) {
		t.Errorf("again, hello is %s, want from server two", hello)
	}
}

// loginAs returns the cookie of a new session.
func loginAs(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Post(url+"/api/v1/login", "application/json", strings.NewReader(`{"user":"ann"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // shown below
	for _, c := range resp.Cookies() {
		if c.Name == "session" {
			return fmt.Sprintf("%s=%s", c.Name, c.Value)
		}
	}
	t.Fatalf("login: %d %s", resp.StatusCode, body)
	return ""
}
