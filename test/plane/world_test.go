// Package plane puts the same bytes through Debian's haproxy and through
// bascule and compares what the client reads, what the server sees, how the
// connections end, and the log line.
package plane

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"bascule/test/running"
)

// patience bounds every wait of these tests.
const patience = running.Patience

// frame is the configuration that every case fills in. Where a case is about one of its
// times, it is short, and yet some seconds where a peer has to say a word before it is up:
// a busy machine does not get to it at once. The other times are never reached, and idle
// connections are not purged meanwhile.
const frame = `
global
    maxconn 200
    nbthread 1
    stats socket $DIR/sock mode 600 level admin
    $GLOBAL
defaults
    mode http
    log $LOG local0
    option httplog
    timeout connect 20s
    timeout client 20s
    timeout server 20s
    default-server pool-purge-delay 1m
    .if feature(BASCULE)
    no option safe-replay
    no option redispatch-at-once
    .endif
    $DEFAULTS
frontend fe
    bind $IP:8000 $BIND
    $FRONT
    default_backend be
backend be
    $BACK
    $SERVERS
`

// A world is one proxy with its servers and its log.
type world struct {
	*running.Proxy
	t       *testing.T
	site    string
	log     net.PacketConn
	servers []*server
	logged  []string
}

// newWorld starts the servers of a case, and a proxy before them.
func newWorld(t *testing.T, c *exchange, start func(*testing.T, string) *running.Proxy) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	if w.log, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.log.Close() })
	var lines []string
	scripts := c.servers
	if c.addr != "" {
		lines = append(lines, fmt.Sprintf("server s1 %s %s", c.addr, c.options))
		scripts = []func(*peer){}
	}
	if scripts == nil {
		scripts = []func(*peer){c.server}
	}
	for i, script := range scripts {
		addr := nobody
		if script != nil {
			s := serve(t, script)
			w.servers = append(w.servers, s)
			addr = s.addr
		}
		lines = append(lines, fmt.Sprintf("server s%d %s %s", i+1, addr, c.options))
	}
	w.Proxy = start(t, strings.NewReplacer("$LOG", w.log.LocalAddr().String(), "$BIND", c.bind, "$GLOBAL", c.global,
		"$DEFAULTS", indent(c.defaults), "$FRONT", indent(c.front), "$BACK", indent(c.back), "$SERVERS", indent(strings.Join(lines, "\n"))).Replace(frame))
	w.site = net.JoinHostPort(w.IP, "8000")
	return w
}

// nobody is an address that refuses.
const nobody = "127.0.0.1:1"

func indent(lines string) string { return strings.ReplaceAll(lines, "\n", "\n    ") }

func haproxy(t *testing.T, c *exchange) *world { return newWorld(t, c, running.HAProxy) }
func bascule(t *testing.T, c *exchange) *world { return newWorld(t, c, running.Bascule) }

// A server answers connections by a script and notes what it was sent.
type server struct {
	addr    string
	ln      net.Listener
	gone    chan struct{}
	release func()
	mu      sync.Mutex
	peers   []*peer // guarded by mu
	wg      sync.WaitGroup
}

func serve(t *testing.T, script func(*peer)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), gone: make(chan struct{})}
	s.release = sync.OnceFunc(func() { close(s.gone) })
	s.wg.Go(func() { // ends with the listener, or by last
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if conn.RemoteAddr().(*net.TCPAddr).IP.Equal(closing) {
				conn.Close()
				return
			}
			p := newPeer(t, conn)
			p.srv, p.gone = true, s.gone
			s.mu.Lock()
			s.peers = append(s.peers, p)
			s.mu.Unlock()
			s.wg.Go(func() { // ends with the connection, which has a deadline
				defer func() { _ = recover() }() // the script met the end of its connection
				defer p.conn.Close()
				script(p)
			})
		}
	})
	s.ln = ln
	t.Cleanup(s.close)
	return s
}

func (s *server) close() {
	s.release()
	s.ln.Close()
	s.mu.Lock()
	for _, p := range s.peers {
		p.conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// closing is where the connection comes from that is a server's last.
var closing = net.IPv4(127, 0, 0, 9)

// last lets a server accept what has come, and no more: connections are accepted in their
// order, and a listener that closes drops those that wait.
func (s *server) last(t *testing.T) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: closing}, Timeout: patience}
	conn, err := d.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// end stops the proxy and waits until the servers have seen all of it.
func (w *world) end() {
	w.Stop()
	for _, s := range w.servers {
		s.last(w.t)
		s.release()
		s.wg.Wait()
	}
}

// conns are the connections so far.
func (w *world) conns() []*peer {
	var all []*peer
	for _, s := range w.servers {
		s.mu.Lock()
		all = append(all, s.peers...)
		s.mu.Unlock()
	}
	return all
}

// stat is a value of show stat, by its row and column.
func (w *world) stat(row, column string) string { return w.Stat().Cells[row][column] }

// queued waits until so many requests are queued.
func (w *world) queued(n int) {
	w.t.Helper()
	w.Await("requests in the queue", func() bool {
		a, b := w.stat("be/s1", "qcur"), w.stat("be/BACKEND", "qcur")
		return a == fmt.Sprint(n) || b == fmt.Sprint(n)
	})
}

// sessions waits until the server has so many.
func (w *world) sessions(n int) {
	w.t.Helper()
	w.Await("sessions of the server", func() bool { return w.stat("be/s1", "scur") == fmt.Sprint(n) })
}
