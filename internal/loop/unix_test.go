package loop

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A name of the abstract namespace may have the whole length of an address.
func TestDialReachesUnixSockets(t *testing.T) {
	dir := t.TempDir()
	names := map[string]string{
		"a path":                  filepath.Join(dir, "s"),
		"an abstract name":        "@" + dir,
		"a name of full length":   "@" + dir + strings.Repeat("\x00", 107-len(dir)),
		"a path of the last byte": dir + "/" + strings.Repeat("s", 106-len(dir)),
	}
	for what, name := range names {
		t.Run(what, func(t *testing.T) {
			ln, err := net.Listen("unix", name)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			l := running(t)
			on(l, func() {
				_, err := l.Dial(&Target{Unix: name}, &handler{ready: func(c *Conn) {
					if done, err := c.DialDone(); !done || err != nil {
						t.Errorf("done %t, %v", done, err)
					}
					_ = c.Send([]byte("hello"))
					c.CloseAfterSend()
				}})
				if err != nil {
					t.Errorf("dial: %v", err)
				}
			})
			if t.Failed() {
				return
			}
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if p, err := io.ReadAll(conn); string(p) != "hello" || err != nil {
				t.Errorf("got %q, %v", p, err)
			}
		})
	}
}

func TestDialTellsAtOnceThatNobodyServesAUnixSocket(t *testing.T) {
	dir := t.TempDir()
	l := running(t)
	for name, want := range map[string]error{filepath.Join(dir, "none"): unix.ENOENT, "@" + dir: unix.ECONNREFUSED} {
		on(l, func() {
			if _, err := l.Dial(&Target{Unix: name}, &handler{}); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		})
	}
	on(l, func() {
		if n := l.Stats.Conns.Load(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}
