package drill

import (
	"io"
	"net"
	"sync"
)

// redisDoor lets servers in namespaces of their own reach Redis: a unix socket, which
// belongs to no network, so that a cut cable does not cut it.
type redisDoor struct {
	ln   net.Listener
	to   string
	done sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu
	shut  bool              // guarded by mu
}

// openRedisDoor passes connections to path on to the address to, until close.
func openRedisDoor(path, to string) (*redisDoor, error) {
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	d := &redisDoor{ln: ln, to: to, conns: map[net.Conn]bool{}}
	// Ends when close closes the listener.
	d.done.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			// Ends with the connection, or by close.
			d.done.Go(func() { d.pass(conn) })
		}
	})
	return d, nil
}

func (d *redisDoor) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", d.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !d.keep(near, far) {
		return
	}
	defer d.drop(near, far)
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // its end is the other's end
			near.Close()
			far.Close()
		})
	}
	both.Wait()
}

func (d *redisDoor) keep(conns ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range conns {
		d.conns[conn] = true
	}
	return !d.shut
}

func (d *redisDoor) drop(conns ...net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range conns {
		delete(d.conns, conn)
	}
}

func (d *redisDoor) close() {
	d.ln.Close()
	d.mu.Lock()
	d.shut = true
	for conn := range d.conns {
		conn.Close()
	}
	d.mu.Unlock()
	d.done.Wait()
}
