package drill

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cutter passes connections on to a site and breaks all of them when told.
type cutter struct {
	site Site // its own

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
}

func newCutter(t *testing.T, site Site) *cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{site: Site{URL: "http://" + ln.Addr().String()}, conns: map[net.Conn]bool{}}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			front, err := ln.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", site.Addr())
			if err != nil {
				front.Close()
				continue
			}
			c.hold(front, back)
			done.Go(func() { io.Copy(back, front); back.Close(); front.Close() })
			done.Go(func() { io.Copy(front, back); front.Close(); back.Close() })
		}
	})
	t.Cleanup(func() { ln.Close(); c.all(); done.Wait() })
	return c
}

func (c *cutter) hold(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		c.conns[conn] = true
	}
}

// all resets every connection, so that what is under way is lost.
func (c *cutter) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		delete(c.conns, conn)
	}
}
