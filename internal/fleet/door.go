package fleet

import (
	"net"
	"sync"
)

// door is a listener whose socket can be closed and opened again while its server lives.
type door struct {
	addr string // with the port, also when 0 was asked for

	mu      sync.Mutex
	ln      net.Listener  // guarded by mu, as all below; nil: closed, connections are refused
	opened  chan struct{} // closed when ln is there again
	removed bool          // for good
}

func listen(addr string) (*door, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &door{addr: ln.Addr().String(), ln: ln, opened: make(chan struct{})}, nil
}

// Accept waits for a connection, also over a time in which the door is shut.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.mu.Lock()
		ln, opened, removed := d.ln, d.opened, d.removed
		d.mu.Unlock()
		if removed {
			return nil, net.ErrClosed
		}
		if ln == nil {
			<-opened
			continue
		}
		conn, err := ln.Accept()
		if err == nil || d.is(ln) {
			return conn, err
		}
	}
}

func (d *door) is(ln net.Listener) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ln == ln
}

// shut closes the socket: new connections are refused, those in its queue are reset.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ln != nil {
		d.ln.Close()
		d.ln = nil
	}
}

// open listens on the same address again.
func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ln != nil || d.removed {
		return nil
	}
	ln, err := net.Listen("tcp", d.addr)
	if err != nil {
		return err
	}
	d.ln = ln
	close(d.opened)
	d.opened = make(chan struct{})
	return nil
}

// Close ends Accept.
func (d *door) Close() error {
	d.shut()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.removed {
		d.removed = true
		close(d.opened)
	}
	return nil
}

// Addr is the address, also while the door is shut.
func (d *door) Addr() net.Addr {
	addr, _ := net.ResolveTCPAddr("tcp", d.addr) // it came from a listener
	return addr
}
