package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"bascule/internal/backend"
	"bascule/internal/check"
)

// trouble lets things go wrong, and be ordered, at random instants.
func (w *world) trouble() {
	for range w.IntN(8) {
		w.after(w.between(0, troubleLasts), w.breakSomething)
	}
	if w.chance(3) { // the common blip: all at once, and soon over
		w.after(w.between(0, troubleLasts), func() {
			w.tell("all servers are killed at once")
			for _, h := range w.hosts {
				h.kill()
			}
			w.after(300*time.Millisecond, func() {
				w.tell("all servers are started again")
				for _, h := range w.hosts {
					h.start()
				}
			})
		})
	}
	if w.chance(2) {
		w.hosts[w.IntN(mostServers)].odd = 2 + w.IntN(10)
	}
	if w.rush = w.chance(30); w.rush {
		for _, h := range w.hosts[1:] {
			h.odd = 1 + w.IntN(2)
		}
	}
	if w.own.IntN(3) == 0 {
		w.sour(w.hosts[w.own.IntN(len(w.setup.servers))])
	}
	for range w.IntN(4) {
		w.after(w.between(0, troubleLasts), w.operate)
	}
	if w.chance(3) {
		w.after(w.between(0, troubleLasts), w.reload)
	}
}

// breakSomething does one thing to one host, and undoes it some time later.
func (w *world) breakSomething() {
	h := w.hosts[w.IntN(len(w.setup.servers))]
	lasts := pick(w.Rand, w.between(0, 100*time.Millisecond), w.between(0, 3*time.Second))
	do := func(what string, begin, over func()) {
		w.tell("%s %s for %v", h.name, what, lasts)
		begin()
		w.after(lasts, func() {
			w.tell("%s no longer %s", h.name, what)
			over()
		})
	}
	flag := func(what string, f *bool) {
		do(what, func() { h.alter(func() { *f = true }) }, func() { h.alter(func() { *f = false }) })
	}
	switch w.IntN(9) {
	case 0, 1:
		do("is killed", h.kill, h.start)
	case 2:
		do("is stopped", h.stop, h.start)
	case 3:
		do("is frozen", func() {
			if h.up {
				h.alter(func() { h.frozen = true })
			}
		}, h.thaw)
	case 4:
		do("is cut off", func() { h.alter(func() { h.cut = true }) }, h.join)
	case 5:
		flag("refuses connections", &h.deaf)
	case 6:
		flag("answers 500", &h.sick)
	case 7:
		slow := w.between(10*time.Millisecond, 3*time.Second)
		do("is slow", func() { h.slow = slow }, func() { h.slow = 0 })
	case 8:
		for range 5 {
			w.after(w.between(0, lasts), h.idleOut)
		}
	}
	if w.chance(20) {
		w.noFDs = true
		w.after(w.between(0, 200*time.Millisecond), func() { w.noFDs = false })
	}
}

// sour lets a host answer 500 for some time, and its checks as ever.
func (w *world) sour(h *host) {
	from, lasts := time.Duration(w.own.Int64N(int64(troubleLasts))), time.Duration(w.own.Int64N(int64(3*time.Second)))
	w.loop.SetTimer(w.loop.Timer(func() {
		w.tell("%s answers 500 for %v, and checks as ever", h.name, lasts)
		h.sour = true
	}), from)
	w.loop.SetTimer(w.loop.Timer(func() { h.sour = false }), from+lasts)
}

// operate is an operator's word about a server.
func (w *world) operate() {
	list := w.be.Servers()
	s := list[w.IntN(len(list))]
	o := pick(w.Rand, backend.Drain, backend.Maint, backend.Ready)
	w.tell("an operator: set server %s state %s", s.Name, [...]string{"ready", "drain", "maint"}[o])
	w.be.Do(backend.SetState{Srv: s, Order: o})
	if o != backend.Ready {
		w.after(w.between(0, 2*time.Second), func() {
			w.tell("an operator: set server %s state ready", s.Name)
			w.be.Do(backend.SetState{Srv: s, Order: backend.Ready})
		})
	}
}

// reload takes over another file.
func (w *world) reload() {
	w.setup = w.setup.again(w.Rand)
	w.tell("reload of\n%s", w.setup.text())
	cfg := w.setup.load()
	w.be.Do(backend.Apply{Cfg: cfg})
	w.rule(cfg)
	w.after(time.Millisecond, func() { w.check.Apply([]*backend.Backend{w.be}) })
}

// mend ends all trouble.
func (w *world) mend() {
	w.tell("all is mended")
	for _, h := range w.hosts {
		h.thaw()
		h.start()
		h.join()
		h.alter(func() { h.deaf, h.sick = false, false })
		h.odd, h.slow, h.sour = 0, 0, false
	}
	for _, s := range w.be.Servers() {
		w.be.Do(backend.SetState{Srv: s, Order: backend.Ready})
	}
	w.noFDs = false
}

// dialCheck opens the connection of a check.
func (w *world) dialCheck(ctx context.Context, _, addr string) (net.Conn, error) {
	n, err := strconv.Atoi(addr[strings.LastIndexByte(addr, ':')+1:])
	if err != nil {
		return nil, err
	}
	h := w.hosts[n-port(0)]
	hops := rand.New(rand.NewPCG(h.checks, uint64(time.Now().UnixNano()))) // of nobody else: checks begin and wake at one instant in any order
	c := &checkConn{h: h, hops: hops, closed: make(chan struct{})}
	if d, ok := ctx.Deadline(); ok {
		c.deadline = d
	}

	if err := c.wait(func() bool { return !h.cut }); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			err = context.DeadlineExceeded
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.up || h.deaf {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	c.life = h.life
	return c, nil
}

// A checkConn is the connection of a check.
type checkConn struct {
	net.Conn // nil: of what a check does not call
	h        *host
	hops     *rand.Rand
	life     int
	deadline time.Time
	once     sync.Once
	closed   chan struct{}
	said     bool
}

var _ check.Dial = (*world)(nil).dialCheck

// wait lets a hop's time pass, and more until ready.
func (c *checkConn) wait(ready func() bool) error {
	h := c.h
	d := time.Duration(50_000 + c.hops.Int64N(2_000_000))
	late := time.NewTimer(time.Until(c.deadline))
	defer late.Stop()
	hop := time.NewTimer(d)
	defer hop.Stop()
	select {
	case <-hop.C:
	case <-late.C:
		return os.ErrDeadlineExceeded
	case <-c.closed:
		return net.ErrClosed
	}
	for {
		h.mu.Lock()
		ok, changed := ready(), h.changed
		h.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-late.C:
			return os.ErrDeadlineExceeded
		case <-c.closed:
			return net.ErrClosed
		}
	}
}

func (c *checkConn) Write(p []byte) (int, error) { return len(p), nil }

// Read is the server's answer: when the process works, or is gone.
func (c *checkConn) Read(p []byte) (int, error) {
	h := c.h
	gone := func() bool { return !h.up || h.life != c.life }
	if err := c.wait(func() bool { return !h.cut && (gone() || !h.frozen) }); err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case gone():
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case c.said:
		return 0, net.ErrClosed
	}
	c.said = true
	status := "200 OK"
	if h.sick || h.w.plant == neverUp && h.life > 0 {
		status = "500 Oops"
	}
	return copy(p, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), nil
}

func (c *checkConn) SetDeadline(t time.Time) error { c.deadline = t; return nil }

// Close may be called twice, and while a read waits.
func (c *checkConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
