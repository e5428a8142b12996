package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A hall is a server of WebSockets that sends everything back. It keeps how
// each of them ended, as a real library that insists on masks sees it.
type hall struct {
	*httptest.Server
	mu   sync.Mutex // guards the fields below
	name string
	slow int // requests that never end
	ends map[websocket.StatusCode]int
	raw  []net.Conn // what "/half" has: a message that never becomes whole
}

func newHall(t *testing.T) *hall {
	h := &hall{ends: map[websocket.StatusCode]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(h.enter))
	t.Cleanup(func() {
		h.mu.Lock()
		for _, c := range h.raw {
			c.Close()
		}
		h.mu.Unlock()
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

func (h *hall) addr() string { return h.Listener.Addr().String() }

func (h *hall) enter(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		if r.URL.Path == "/slow" && h.name == "a" {
			h.mu.Lock()
			h.slow++
			h.mu.Unlock()
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, h.name)
		return
	}
	if r.URL.Path == "/half" {
		h.half(w)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	if r.URL.Path == "/fragments" {
		// A message that is not complete yet stands at the boundary of a frame.
		part, err := c.Writer(r.Context(), websocket.MessageText)
		if err != nil {
			return
		}
		_, _ = io.WriteString(part, strings.Repeat("x", 100))
	}
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			h.mu.Lock()
			h.ends[websocket.CloseStatus(err)]++
			h.mu.Unlock()
			return
		}
		if string(data) == "leave" {
			_ = c.Close(4001, "as told")
			return
		}
		if c.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

// half answers with a message that stops in the middle of a frame.
func (h *hall) half(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	h.mu.Lock()
	h.raw = append(h.raw, c)
	h.mu.Unlock()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hel")
}

func (h *hall) ended(code websocket.StatusCode) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ends[code]
}

// join opens a WebSocket and says something, so that it is a tunnel.
func join(t *testing.T, addr, path string, header http.Header) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), "ws://"+addr+path, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func chatted(t *testing.T, c *websocket.Conn) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.Read(t.Context()); err != nil || string(data) != "hello" {
		t.Fatalf("read %q, %v", data, err)
	}
}

// goodbye is the status that a WebSocket is ended with, -1 for none.
func goodbye(t *testing.T, c *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := c.Read(ctx); err != nil {
			if ctx.Err() != nil {
				t.Fatal("it does not end")
			}
			return websocket.CloseStatus(err)
		}
	}
}

const hallConfig = reloadHead + `
listen fe
    bind %s
    cookie SRV insert indirect nocache
    server s %s cookie s on-marked-down shutdown-sessions
`

func (b *balancer) column(row, name string) string {
	return rows(ask(b.t, b.socket, "show stat\n"))["fe/"+row][name]
}

func TestEveryWebSocketThatIsEndedHereIsToldSo(t *testing.T) {
	for _, c := range []struct {
		name, say string // on the runtime socket; "": the process stops
		code      websocket.StatusCode
		column    string
	}{
		{"shut down by an operator", "shutdown sessions server fe/s\n", websocket.StatusServiceRestart, "ws_restart"},
		{"its server is marked down", "set server fe/s health down\n", websocket.StatusServiceRestart, "ws_restart"},
		{"its server goes into maintenance", "set server fe/s state maint\n", websocket.StatusServiceRestart, "ws_restart"},
		{"the process stops", "", websocket.StatusGoingAway, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, addr := newHall(t), freeAddr(t)
			b := run(t, fmt.Sprintf(hallConfig, addr, h.addr()))
			ws := join(t, addr, "/", nil)
			chatted(t, ws)
			fragments := join(t, addr, "/fragments", nil)
			if c.say == "" {
				stopped := make(chan struct{})
				go func() { b.Stop(); close(stopped) }() // ends by itself
				defer func() { <-stopped }()
			} else {
				ask(t, b.socket, c.say)
			}
			if got := goodbye(t, ws); got != c.code {
				t.Errorf("the client is told %d, want %d", got, c.code)
			}
			if got := goodbye(t, fragments); got != c.code {
				t.Errorf("between two fragments the client is told %d, want %d", got, c.code)
			}
			eventually(t, "the server is told by masked frames", func() bool { return h.ended(c.code) == 2 })
			if c.column == "" {
				return
			}
			if got := b.column("s", c.column); got != "2" {
				t.Errorf("%s is %s, want 2", c.column, got)
			}
			for _, name := range []string{"ws_bare", "srv_abrt"} { // HAProxy counts no abort of the server either
				if got := b.column("s", name); got != "0" {
					t.Errorf("%s is %s, want 0", name, got)
				}
			}
		})
	}
}

func TestAThousandWebSocketsAreToldAtOnce(t *testing.T) {
	const many = 1000
	h, addr := newHall(t), freeAddr(t)
	b := run(t, fmt.Sprintf(hallConfig, addr, h.addr()))
	list := make([]*websocket.Conn, many)
	for i := range list {
		list[i] = join(t, addr, "/", nil)
	}
	eventually(t, "all are tunnels", func() bool { return b.column("s", "scur") == fmt.Sprint(many) })
	codes := make(chan websocket.StatusCode, many)
	began := time.Now()
	for _, c := range list {
		go func() { codes <- goodbye(t, c) }() // ends with its WebSocket
	}
	ask(t, b.socket, "set server fe/s health down\n")
	for range list {
		if got := <-codes; got != websocket.StatusServiceRestart {
			t.Fatalf("told %d, want 1012", got)
		}
	}
	t.Logf("the last one knew it after %v", time.Since(began))
	eventually(t, "the server has heard all goodbyes", func() bool { return h.ended(websocket.StatusServiceRestart) == many })
	if got := b.column("s", "ws_restart"); got != fmt.Sprint(many) {
		t.Errorf("ws_restart is %s, want %d", got, many)
	}
}

// rawUpgrade switches without a library, so that what comes behind can be seen.
func rawUpgrade(t *testing.T, addr, path string, fields ...string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, strings.Join(append(fields, ""), "\r\n"))
	head := make([]byte, 0, 512)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		var one [1]byte
		if _, err := io.ReadFull(c, one[:]); err != nil {
			t.Fatalf("%v behind %q", err, head)
		}
		head = append(head, one[0])
	}
	return c
}

func TestAWebSocketInTheMiddleOfAFrameIsCutAndCounted(t *testing.T) {
	h, addr := newHall(t), freeAddr(t)
	b := run(t, fmt.Sprintf(hallConfig, addr, h.addr()))
	c := rawUpgrade(t, addr, "/half")
	part := make([]byte, 5)
	if _, err := io.ReadFull(c, part); err != nil {
		t.Fatal(err)
	}
	ask(t, b.socket, "shutdown sessions server fe/s\n")
	if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
		t.Errorf("read % x, %v behind half a frame; want the end", rest, err)
	}
	if restart, bare := b.column("s", "ws_restart"), b.column("s", "ws_bare"); restart != "0" || bare != "1" {
		t.Errorf("ws_restart %s, ws_bare %s; want 0 and 1", restart, bare)
	}
	if got := ask(t, b.socket, "show stat typed\n"); !strings.Contains(got, ".ws_bare.1:MCP:u64:1\n") {
		t.Error("ws_bare is not in the typed form")
	}
}

func TestAWebSocketThatIsIdleForTooLongIsToldSo(t *testing.T) {
	h, addr := newHall(t), freeAddr(t)
	b := run(t, strings.Replace(fmt.Sprintf(hallConfig, addr, h.addr()), "timeout tunnel 1h", "timeout tunnel 100ms", 1))
	if got := goodbye(t, join(t, addr, "/", nil)); got != websocket.StatusServiceRestart {
		t.Errorf("told %d, want 1012", got)
	}
	eventually(t, "it is counted", func() bool { return b.column("s", "ws_restart") == "1" })
}

func TestHalfClosedWebSockets(t *testing.T) {
	h, addr := newHall(t), freeAddr(t)
	b := run(t, fmt.Sprintf(hallConfig, addr, h.addr()))
	t.Run("a server that says goodbye is not spoken over", func(t *testing.T) {
		c := join(t, addr, "/", nil)
		if err := c.Write(t.Context(), websocket.MessageText, []byte("leave")); err != nil {
			t.Fatal(err)
		}
		if got := goodbye(t, c); got != 4001 {
			t.Errorf("the client is told %d, want the server's 4001", got)
		}
	})
	t.Run("a client that says goodbye to a server which then only hangs up", func(t *testing.T) {
		c := rawUpgrade(t, addr, "/half")
		part := make([]byte, 5)
		if _, err := io.ReadFull(c, part); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8})
		h.mu.Lock()
		srv := h.raw[len(h.raw)-1]
		h.mu.Unlock()
		_, _ = io.WriteString(srv, "lo")
		if _, err := io.ReadFull(srv, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		srv.Close()
		if rest, err := io.ReadAll(c); err != nil || string(rest) != "lo" {
			t.Errorf("read % x, %v; want the rest of the frame and the end", rest, err)
		}
	})
	t.Run("a client that shut down its side is told, and its server not again", func(t *testing.T) {
		c := rawUpgrade(t, addr, "/half")
		h.mu.Lock()
		srv := h.raw[len(h.raw)-1]
		h.mu.Unlock()
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(srv); err != nil || len(rest) != 0 {
			t.Fatalf("the server reads % x, %v; want the end", rest, err)
		}
		_, _ = io.WriteString(srv, "lo")
		if _, err := io.ReadFull(c, make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
		ask(t, b.socket, "shutdown sessions server fe/s\n")
		rest, err := io.ReadAll(c)
		if want := binary.BigEndian.AppendUint16([]byte{0x88, 0x02}, 1012); err != nil || string(rest) != string(want) {
			t.Errorf("read % x, %v; want % x", rest, err, want)
		}
	})
	t.Run("a client that dies by a reset: its server is told that it went away", func(t *testing.T) {
		before := h.ended(websocket.StatusGoingAway)
		c := rawUpgrade(t, addr, "/").(*net.TCPConn)
		_ = c.SetLinger(0)
		c.Close()
		eventually(t, "the server is told 1001", func() bool { return h.ended(websocket.StatusGoingAway) == before+1 })
	})
	t.Run("a server that dies by a reset", func(t *testing.T) {
		c := rawUpgrade(t, addr, "/half")
		h.mu.Lock()
		srv := h.raw[len(h.raw)-1].(*net.TCPConn)
		h.mu.Unlock()
		_, _ = io.WriteString(srv, "lo")
		if _, err := io.ReadFull(c, make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
		_ = srv.SetLinger(0)
		srv.Close()
		rest, err := io.ReadAll(c)
		if want := binary.BigEndian.AppendUint16([]byte{0x88, 0x02}, 1012); err != nil || string(rest) != string(want) {
			t.Errorf("read % x, %v; want % x", rest, err, want)
		}
	})
}
