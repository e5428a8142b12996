package engine

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// serveEcho is a server that answers with its name, and upgrades requests that
// ask for it to an echo of lines.
func serveEcho(t testing.TB, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			running.Go(func() {
				echo(c, name)
				mu.Lock()
				delete(open, c)
				mu.Unlock()
				c.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

func echo(c net.Conn, name string) {
	r := bufio.NewReader(c)
	for {
		upgrade := false
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(strings.ToLower(line), "upgrade:") {
				upgrade = true
			}
			if line == "\r\n" {
				break
			}
		}
		if upgrade {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\nX-Server: "+name+"\r\n\r\n")
			_, _ = io.Copy(c, r) // ends with the client
			return
		}
		if _, err := io.WriteString(c, reply(name)); err != nil {
			return
		}
	}
}
