package engine

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// upper is a raw server: it sends back what it reads in capitals, says a last
// word when its client has ended, and ends.
func upper(t *testing.T) string {
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
			go func() { // until its client ends
				defer c.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := c.Read(buf)
					if _, werr := c.Write(bytes.ToUpper(buf[:n])); werr != nil {
						return
					}
					if err != nil {
						_, _ = io.WriteString(c, "bye")
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func tcpText(bind, options string, servers ...string) string {
	text := "global\n  stats socket $DIR/sock level admin\ndefaults\n  mode tcp\n  timeout client 1m\n  timeout server 1m\n  timeout connect 30s\n" + options +
		"frontend f\n  bind " + bind + "\n  default_backend b\nbackend b\n"
	for i, s := range servers {
		text += fmt.Sprintf("  server s%d %s\n", i+1, s)
	}
	return text
}

func TestModeTCPPassesBytesAndEndsBothWays(t *testing.T) {
	addr := freeAddr(t)
	b := run(t, tcpText(addr, "", upper(t)))
	want := strings.Repeat("0123456789abcdef", 1<<16)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	go func() { // ends when all is written or the connection closed
		_, _ = io.WriteString(c, want)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || string(got) != strings.ToUpper(want)+"bye" {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want)+3)
	}
	eventually(t, "the session is counted and over", func() bool {
		r := rows(ask(t, b.socket, "show stat\n"))
		return r["b/s1"]["stot"] == "1" && r["b/s1"]["scur"] == "0" && r["f/FRONTEND"]["scur"] == "0" &&
			r["f/FRONTEND"]["bin"] == fmt.Sprint(len(want)) && r["b/BACKEND"]["bout"] == fmt.Sprint(len(want)+3)
	})
}

func TestModeTCPMovesOnFromADeadServerAndClosesWithoutOne(t *testing.T) {
	addr := freeAddr(t)
	dead := freeAddr(t)
	b := run(t, tcpText(addr, "  option redispatch\n  retries 2\n", dead, upper(t)))
	for range 4 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(c, "hello")
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "HELLO" {
			t.Errorf("got %q, %v", got, err)
		}
		_ = c.Close()
	}
	ask(t, b.socket, "disable server b/s1; disable server b/s2\n")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if got, _ := io.ReadAll(c); len(got) != 0 {
		t.Errorf("without a server a client reads %q", got)
	}
}

func TestLargeTunnelsAreSplicedUnlessForbidden(t *testing.T) {
	want := strings.Repeat("0123456789ABCDEF", 1<<19)
	for _, global := range []string{"", "  nosplice\n", "  maxpipes 1\n  tune.pipesize 128k\n"} {
		addr := freeAddr(t)
		b := run(t, "global\n"+global+strings.TrimPrefix(tcpText(addr, "", upper(t)), "global\n"))
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		go func() { // ends when all is written or the connection closed
			_, _ = io.WriteString(c, want)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || string(got) != want+"bye" {
			t.Errorf("%q: got %d bytes, %v; want %d", global, len(got), err, len(want)+3)
		}
		_ = c.Close()
		eventually(t, "the tunnel is over", func() bool {
			_, used := idlePipes(t, b.socket)
			return used == 0 && b.stat("f/FRONTEND", "scur") == "0"
		})
		free, _ := idlePipes(t, b.socket)
		if forbidden, used := global == "  nosplice\n", free > 0; used == forbidden {
			t.Errorf("%q: pipes were used: %v", global, used)
		}
	}
}
