package real

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// debianPython has the modules of Debian's packages, whatever PATH says.
const debianPython = "/usr/bin/python3"

// webSocketSizes are those of wspeer.py: around the steps of a frame's length.
var webSocketSizes = []int{64, 125, 126, 1000, 65535, 65536, 300000, 1 << 20}

const pairConfig = `
global
    log {LOG} local0
    stats socket {SOCKET} level admin
defaults
    log global
    option httplog
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout tunnel 20s
frontend fe
    bind {SITE}
    use_backend python if { path_beg /python }
    use_backend raw if { path_beg /raw }
    default_backend go
backend go
    server s1 {GO}
backend python
    server s1 {PYTHON}
backend raw
    server s1 {RAW}
`

// pair is a balancer before a server in Go, one in Python, and one that speaks
// by bytes.
func pair(t *testing.T) (site, socket string) {
	t.Helper()
	python := address()
	p := start(t, debianPython, "testdata/wspeer.py", "server", python, "8080")
	await(t, "the server in Python", func() bool { return strings.Contains(p.said(), "serving") })
	site, socket = address()+":8000", runDir(t)+"/s"
	_, udp := syslogUDP(t)
	start(t, bascule, "-f", config(t, pairConfig, "SITE", site, "SOCKET", socket, "LOG", udp,
		"GO", server(t, http.HandlerFunc(goPeer)), "PYTHON", python+":8080", "RAW", halfCloser(t)))
	serving(t, socket)
	return site, socket
}

// goPeer does what the server of wspeer.py does.
func goPeer(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		var n int
		switch _, bad := fmt.Sscanf(string(data), "parts %d", &n); {
		case string(data) == "leave":
			_ = c.Close(4001, "as told") // the client says what it saw
			return
		case bad == nil:
			err = parts(r, c, n)
		default:
			err = c.Write(r.Context(), kind, data)
		}
		if err != nil {
			return
		}
	}
}

// parts sends a message in n fragments.
func parts(r *http.Request, c *websocket.Conn, n int) error {
	w, err := c.Writer(r.Context(), websocket.MessageText)
	if err != nil {
		return err
	}
	for i := range n {
		if _, err := fmt.Fprintf(w, "part %d;", i); err != nil {
			return err
		}
	}
	return w.Close()
}

const sevenParts = "part 0;part 1;part 2;part 3;part 4;part 5;part 6;"

// TestTwoWebSocketImplementationsMeet: clients and servers of both, in every pair.
func TestTwoWebSocketImplementationsMeet(t *testing.T) {
	t.Parallel()
	site, _ := pair(t)
	ip, port, _ := strings.Cut(site, ":")
	for _, path := range []string{"/go", "/python"} {
		t.Run("a client in Python, the server of "+path, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), debianPython, "testdata/wspeer.py", "client", ip, port, path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var want strings.Builder
			for _, n := range webSocketSizes {
				fmt.Fprintf(&want, "size %d %d True\n", n, n)
			}
			want.WriteString("fragments True\nparts " + sevenParts + "\npong\nclosed 4002 bye\nleft 4001 as told\n")
			if string(out) != want.String() {
				t.Errorf("got\n%swant\n%s", out, want.String())
			}
		})
		t.Run("a client in Go, the server of "+path, func(t *testing.T) {
			t.Parallel()
			goClient(t, site+path)
		})
	}
}

// goClient plays the conversation of wspeer.py's client.
func goClient(t *testing.T, url string) {
	c := connect(t, url)
	for _, n := range webSocketSizes {
		echo(t, c, websocket.MessageBinary, strings.Repeat("0123456789abcdef", n/16+1)[:n])
	}
	w, err := c.Writer(t.Context(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("grüße ", 1000)
	for piece := range strings.SplitSeq(text, "ü") {
		if _, err := io.WriteString(w, piece+"ü"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.Read(t.Context()); err != nil || string(data) != text+"ü" {
		t.Errorf("in fragments: %d bytes of %d, %v", len(data), len(text)+2, err)
	}
	if err := c.Write(t.Context(), websocket.MessageText, []byte("parts 7")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.Read(t.Context()); err != nil || string(data) != sevenParts {
		t.Errorf("the server's fragments: %q, %v", data, err)
	}
	if err := c.Close(4002, "bye"); err != nil {
		t.Errorf("close: %v", err)
	}
	c = connect(t, url)
	if err := c.Write(t.Context(), websocket.MessageText, []byte("leave")); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Read(t.Context())
	var end websocket.CloseError
	if !errors.As(err, &end) || end.Code != 4001 || end.Reason != "as told" {
		t.Errorf("the end is %v, want 4001 as told", err)
	}
}

// halfCloser switches protocols, says first, reads until its client has shut
// down its side, says how much that was, and shuts down its own before the
// client's end is awaited.
func halfCloser(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", address()+":8080")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				defer c.Close()
				in := bufio.NewReader(c)
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst;")
				if req.URL.Path == "/raw/server" { // it ends its side first
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, in)
					return
				}
				n, _ := io.Copy(io.Discard, in)
				fmt.Fprintf(c, "got %d", n)
			}()
		}
	}()
	return ln.Addr().String()
}

// TestATunnelHalfCloses: either side may end its direction and go on reading.
func TestATunnelHalfCloses(t *testing.T) {
	t.Parallel()
	site, socket := pair(t)
	open := func(path string) (*net.TCPConn, *bufio.Reader) {
		c := dial(t, site)
		fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path)
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", resp, err)
		}
		return c.conn.(*net.TCPConn), c.in
	}
	t.Run("the client first", func(t *testing.T) {
		c, in := open("/raw/client")
		const size = 1 << 20
		if _, err := c.Write(bytes.Repeat([]byte("x"), size)); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); err != nil || string(got) != fmt.Sprintf("first;got %d", size) {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("the server first", func(t *testing.T) {
		c, in := open("/raw/server")
		if got, err := io.ReadAll(in); err != nil || string(got) != "first;" {
			t.Errorf("%q, %v", got, err)
		}
		if row := stat(t, socket)["raw/s1"]; row["scur"] != "1" {
			t.Errorf("half closed, scur is %q, want 1", row["scur"])
		}
		if _, err := c.Write([]byte("still heard")); err != nil {
			t.Errorf("after the server's end: %v", err)
		}
		_ = c.Close()
		await(t, "the session's end", func() bool { return stat(t, socket)["raw/s1"]["scur"] == "0" })
	})
}
