package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/wire"
)

// say sends text on a new connection and reads to the end.
func say(t *testing.T, addr, text string) (string, error) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err // a rejected client may be reset at once
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	_ = c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(c)
	return string(got), err
}

func TestRulesOnConnectionsRejectAndCount(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, tcpText(addr, "", upper(t)))
	b.reload(strings.Replace(tcpText(addr, "", upper(t)), "frontend f\n", "frontend f\n  tcp-request connection reject if { src 127.0.0.1 }\n", 1))
	if got, err := say(t, addr, "hello"); err == nil && got != "" {
		t.Errorf("a rejected client reads %q", got)
	}
	eventually(t, "the rejection is counted and the client forgotten", func() bool {
		r := rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]
		return r["dcon"] == "1" && r["conn_tot"] == "1" && r["dses"] == "0" && r["stot"] == "0" && r["scur"] == "0"
	})
	b.reload(strings.Replace(tcpText(addr, "", upper(t)), "frontend f\n", "frontend f\n  tcp-request connection accept\n  tcp-request session reject if { dst_port gt 0 }\n", 1))
	if got, err := say(t, addr, "hello"); err == nil && got != "" {
		t.Errorf("a rejected session reads %q", got)
	}
	eventually(t, "the rejected session is counted", func() bool {
		return rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]["dses"] == "1"
	})
}

func TestRulesOnContentsWaitForThem(t *testing.T) {
	tests := map[string]struct {
		rules      string
		say, later string // later comes when the first has been read
		want       string // "": rejected
		end        bool
	}{
		"what begins as wished is accepted":         {rules: "tcp-request inspect-delay 10m\ntcp-request content accept if { req.payload(0,5) -m str hello }\ntcp-request content reject", say: "hello", want: "HELLO"},
		"in two pieces too":                         {rules: "tcp-request inspect-delay 10m\ntcp-request content accept if { req.payload(0,5) -m str hello }\ntcp-request content reject", say: "hel", later: "lo", want: "HELLO"},
		"another beginning is rejected":             {rules: "tcp-request inspect-delay 10m\ntcp-request content accept if { req.payload(0,5) -m str hello }\ntcp-request content reject", say: "howdy"},
		"without a delay nothing is waited for":     {rules: "tcp-request content reject if { req.len eq 0 }", say: "hello"},
		"at the end of the delay it is decided":     {rules: "tcp-request inspect-delay 50ms\ntcp-request content reject if WAIT_END !REQ_CONTENT\ntcp-request content accept if REQ_CONTENT", say: ""},
		"WAIT_END waits":                            {rules: "tcp-request inspect-delay 50ms\ntcp-request content reject unless WAIT_END", say: "hello", want: "HELLO"},
		"HTTP is known":                             {rules: "tcp-request inspect-delay 10m\ntcp-request content reject unless HTTP", say: "GET / HTTP/1.1\r\n", later: "Host: a\r\n\r\n", want: "GET / HTTP/1.1\r\nHOST: A\r\n\r\n"},
		"and its fields":                            {rules: "tcp-request inspect-delay 10m\ntcp-request content reject if { req.hdr(host) b }", say: "GET / HTTP/1.1\r\nHost: b\r\n\r\n"},
		"a length before its bytes":                 {rules: "tcp-request inspect-delay 10m\ntcp-request content accept if { req.payload_lv(0,1) -m str abc }\ntcp-request content reject", say: "\x03ab", later: "cdef", want: "\x03ABCDEF"},
		"a variable is kept for the next rule":      {rules: "tcp-request connection set-var(sess.x) src_port\ntcp-request content accept if { var(sess.x) -m int gt 0 }\ntcp-request content reject", say: "hello", want: "HELLO"},
		"the server's first words can be looked at": {rules: "tcp-response inspect-delay 10m\ntcp-response content reject if { res.payload(0,5) -m str HELLO }", say: "hello"},
		"and let pass":                              {rules: "tcp-response inspect-delay 10m\ntcp-response content reject if { res.payload(0,5) -m str HOWDY }", say: "hello", want: "HELLO"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			addr := freeAddr(t)
			var front, back string
			for _, line := range strings.Split(tt.rules, "\n") {
				if strings.HasPrefix(line, "tcp-response") {
					back += "  " + line + "\n"
				} else {
					front += "  " + line + "\n"
				}
			}
			text := strings.Replace(tcpText(addr, "", upper(t)), "frontend f\n", "frontend f\n"+front, 1)
			b := run(t, strings.Replace(text, "\nbackend b\n", "\nbackend b\n"+back, 1))
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, tt.say)
			if tt.later != "" {
				eventually(t, "the first piece is waited on", func() bool {
					return strings.Contains(ask(t, b.socket, "show stat\n"), "f,FRONTEND") && rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]["scur"] == "1"
				})
				_, _ = io.WriteString(c, tt.later)
			}
			got := make([]byte, max(len(tt.want), 1))
			n, err := io.ReadFull(c, got)
			if tt.want == "" {
				if n > 0 {
					t.Errorf("read %q, want a closed connection", got[:n])
				}
				return
			}
			if string(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got[:n], err, tt.want)
			}
		})
	}
}

// TestABackendInspectsForItsOwnTime: its inspect-delay begins when it waits, not
// with the frontend's that is over by then.
func TestABackendInspectsForItsOwnTime(t *testing.T) {
	text := func(addr, server string) string {
		text := strings.Replace(tcpText(addr, "", server), "frontend f\n", "frontend f\n  tcp-request inspect-delay 20ms\n  tcp-request content accept if WAIT_END\n", 1)
		return strings.Replace(text, "\nbackend b\n", "\nbackend b\n  tcp-request inspect-delay 10m\n  tcp-request content accept if { req.payload(0,5) -m str hello }\n  tcp-request content reject\n", 1)
	}
	for name, begin := range map[string]func(*testing.T, string){"haproxy": judge, "bascule": func(t *testing.T, text string) { run(t, text) }} {
		t.Run(name, func(t *testing.T) {
			addr := freeAddr(t)
			begin(t, text(addr, upper(t)))
			var c net.Conn
			eventually(t, "it listens", func() (ok bool) {
				var err error
				c, err = net.Dial("tcp", addr)
				return err == nil
			})
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			<-time.After(200 * time.Millisecond) // a client that is later than the frontend waits
			_, _ = io.WriteString(c, "hello")
			got := make([]byte, 5)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "HELLO" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestARejectedClientCountsUntilItIsGone: its connection lingers, and takes a
// descriptor meanwhile.
func TestARejectedClientCountsUntilItIsGone(t *testing.T) {
	addr := freeAddr(t)
	text := strings.Replace(tcpText(addr, "", upper(t)), "frontend f\n", "frontend f\n  tcp-request inspect-delay 10m\n  tcp-request content reject if { req.len gt 0 }\n", 1)
	b := run(t, strings.Replace(text, "global\n", "global\n  nbthread 1\n", 1))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "x")
	eventually(t, "it is rejected", func() bool { return rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]["dreq"] == "1" })
	eventually(t, "it is gone", func() bool {
		counted := b.env.Conns.Cur()
		open := b.loops[0].Stats.Conns.Load()
		if counted == 0 && open > 0 {
			t.Fatal("it is open and does not count")
		}
		return counted == 0
	})
}

func TestContentRulesOfAnHTTPFrontendComeBeforeItsOwn(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, fmt.Sprintf("global\n  stats socket $DIR/sock\ndefaults\n  mode http\n  timeout client 1m\n  timeout server 1m\n  timeout connect 30s\nfrontend f\n  bind %s\n"+
		"  tcp-request content reject if { path /no }\n  http-request return status 200\n", addr))
	if got, err := say(t, addr, "GET /no HTTP/1.1\r\nHost: a\r\n\r\n"); got != "" {
		t.Errorf("got %q, %v, want a closed connection", got, err)
	}
	if got, _ := say(t, addr, "GET /yes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("got %q, want a 200", got)
	}
	eventually(t, "the denied request is counted", func() bool {
		return rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]["dreq"] == "1"
	})
}

func TestABindThatAcceptsProxyTakesTheAddressesFromTheHeader(t *testing.T) {
	addr, hasty := freeAddr(t), freeAddr(t)
	run(t, fmt.Sprintf("defaults\n  mode http\n  timeout client 1m\nfrontend f\n  bind %s accept-proxy\n"+
		"  http-request return status 200 content-type text/plain lf-string %%[src]:%%[src_port]-%%[dst]:%%[dst_port]\n"+
		"frontend hasty\n  bind %s accept-proxy\n  timeout client 200ms\n  http-request return status 200\n", addr, hasty))
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	from, to := netip.MustParseAddrPort("192.0.2.7:7777"), netip.MustParseAddrPort("198.51.100.1:80")
	for name, tt := range map[string]struct{ head, want string }{
		"version 1":      {string(wire.AppendProxyV1(nil, from, to)), "192.0.2.7:7777-198.51.100.1:80"},
		"version 2":      {string(wire.AppendProxyV2(nil, from, to)), "192.0.2.7:7777-198.51.100.1:80"},
		"none":           {"", ""},
		"something else": {"HELO there\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			for _, b := range []byte(tt.head + get) { // in many small pieces
				if _, err := c.Write([]byte{b}); err != nil {
					break
				}
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if tt.want == "" {
				if err == nil {
					t.Errorf("a client without a header is answered %s", res.Status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := io.ReadAll(res.Body); string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("a silent one is closed", func(t *testing.T) {
		c, err := net.Dial("tcp", hasty)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("it is answered")
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("it is held for ever")
		}
	})
}

func TestMaxconnOfABindAndARateHoldClientsBack(t *testing.T) {
	for name, tt := range map[string]struct{ global, front, bind string }{ // without bind: a rate
		"maxconn of the bind":        {bind: " maxconn 2"},
		"rate-limit sessions":        {front: "  rate-limit sessions 2\n"},
		"maxconnrate of the process": {global: "  maxconnrate 2\n"},
		"maxsessrate and rate-limit": {global: "  maxsessrate 2\n", front: "  rate-limit sessions 1000\n"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := freeAddr(t)
			text := strings.Replace(tcpText(addr+tt.bind, "", upper(t)), "frontend f\n", "frontend f\n"+tt.front, 1)
			b := run(t, strings.Replace(text, "global\n", "global\n  nbthread 1\n"+tt.global, 1))
			var open []net.Conn
			began := time.Now()
			for range 4 {
				c, err := net.Dial("tcp", addr) // the kernel takes them all
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				open = append(open, c)
			}
			eventually(t, "two are in", func() bool {
				in := b.stat("f/FRONTEND", "scur")
				return in == "2" || in > "2" && tt.bind == "" // by then
			})
			for i, c := range open { // the others come when one leaves, or with time
				_, _ = io.WriteString(c, "hello")
				if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
					t.Fatalf("client %d: %v", i, err)
				}
				_ = c.Close()
			}
			// In any second two, and the part of one before that is less than a second ago.
			if took := time.Since(began); tt.bind == "" && took < 450*time.Millisecond {
				t.Errorf("four were in after %v", took)
			}
		})
	}
}

// TestMaxconnHoldsForAllLoopsTogether: loops look at the limit at the same time,
// and none of them is the one too many.
func TestMaxconnHoldsForAllLoopsTogether(t *testing.T) {
	for name, tt := range map[string]struct{ global, front, bind string }{
		"of the frontend": {front: "  maxconn 3\n"},
		"of the process":  {global: "  maxconn 3\n"},
		"of the bind":     {bind: " maxconn 3"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := freeAddr(t)
			text := strings.Replace(tcpText(addr+tt.bind, "", upper(t)), "frontend f\n", "frontend f\n"+tt.front, 1)
			b := run(t, strings.Replace(text, "global\n", "global\n  nbthread 4\n"+tt.global, 1))
			var wg sync.WaitGroup
			for range 12 {
				wg.Go(func() { // ends with its turns
					for range 8 {
						if got, err := say(t, addr, "hello"); err != nil || got != "HELLObye" {
							t.Errorf("got %q, %v", got, err)
						}
					}
				})
			}
			wg.Wait()
			eventually(t, "all have left", func() bool { return rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]["scur"] == "0" })
			if r := rows(ask(t, b.socket, "show stat\n"))["f/FRONTEND"]; r["smax"] > "3" || len(r["smax"]) != 1 || r["stot"] != "96" {
				t.Errorf("at most %s at once, %s in total; want 3 and 96", r["smax"], r["stot"])
			}
		})
	}
}

func TestServersAreToldTheClientByTheProxyProtocol(t *testing.T) {
	for _, option := range []string{"send-proxy", "send-proxy-v2"} {
		for _, mode := range []string{"http", "tcp"} {
			t.Run(option+" in mode "+mode, func(t *testing.T) {
				inner, outer := freeAddr(t), freeAddr(t)
				judge(t, fmt.Sprintf("defaults\n  mode http\n  timeout client 1m\nfrontend f\n  bind %s accept-proxy\n  http-request return status 200 content-type text/plain lf-string %%[src]:%%[src_port]-%%[dst_port]\n", inner))
				run(t, fmt.Sprintf("defaults\n  mode %s\n  timeout client 1m\n  timeout server 1m\n  timeout connect 30s\nfrontend f\n  bind %s\n  default_backend b\nbackend b\n  server s %s %s\n", mode, outer, inner, option))
				eventually(t, "haproxy listens", func() bool {
					c, err := net.Dial("tcp", inner)
					if err == nil {
						_ = c.Close()
					}
					return err == nil
				})
				c, err := net.Dial("tcp", outer)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				for range 2 { // the second one needs a header too, or its connection
					_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
					res, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil {
						t.Fatal(err)
					}
					_, port, _ := net.SplitHostPort(outer)
					if got, _ := io.ReadAll(res.Body); string(got) != c.LocalAddr().String()+"-"+port {
						t.Errorf("haproxy reads %q, want %s-%s", got, c.LocalAddr(), port)
					}
				}
			})
		}
	}
}
