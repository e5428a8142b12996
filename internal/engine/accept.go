package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/config"
	"bascule/internal/listener"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/stats"
	"bascule/internal/stream"
)

// An accepting is a listener with what it feeds, which a reload may change.
type accepting struct {
	*listener.Listener
	key  string
	to   atomic.Pointer[feed]
	sock *stream.Socket

	claims []claim // per loop; only touched on that loop
}

// A claim is the promise of a place that a loop has between its look at the limits
// and its accept, in a process of several loops.
type claim struct {
	fe *stream.Frontend // nil: there is none
	of *stream.Socket
}

// unclaim gives back what the loop was promised.
func (a *accepting) unclaim(loop int) {
	if c := &a.claims[loop]; c.fe != nil {
		c.fe.Unclaim(c.of)
		*c = claim{}
	}
}

// A feed is where the connections of a bind go.
type feed struct {
	fe   *stream.Frontend
	bind *config.Bind
}

// name is the bind's in logs of connections that never became sessions.
func (f *feed) name() string {
	if f.bind.Name != "" {
		return f.bind.Name
	}
	return strconv.Itoa(max(f.bind.ID, 1))
}

// serve gives a listener's connections to the planes.
func (e *Engine) serve(a *accepting) {
	a.claims = make([]claim, len(e.loops))
	a.Unused = func(l *loop.Loop) { a.unclaim(l.Index()) }
	a.Full = func(err error) { e.sayFull(a, err) }
	a.Serve(e.loops, func(l *loop.Loop, fd int, from, to netip.AddrPort) {
		f, on := a.to.Load(), listener.Spread(e.loops, l)
		if !from.IsValid() { // a unix socket: the bind's number stands for both ends
			from = netip.AddrPortFrom(netip.Addr{}, uint16(f.bind.ID))
			to = from
		}
		var of *stream.Socket
		if f.bind.MaxConn > 0 || f.fe.Rules().Cfg.SocketStats {
			of = a.sock
		}
		f.fe.Arrive(l.Index(), of)
		a.unclaim(l.Index())
		if f.fe.Rules().Cfg.TCP.RateLimit > 0 {
			f.fe.Came.Count(l.Now())
		}
		if e.asked.rate.Load() > 0 {
			e.came.Count(l.Now())
		}
		if f.bind.TLS != nil && e.asked.sslRate(e.tuning()) > 0 {
			e.cameTLS.Count(l.Now())
		}
		if on == l {
			e.carry(on, fd, from, to, f, of)
			return
		}
		l.CountMove()
		on.Post(func() { e.carry(on, fd, from, to, f, of) })
	}, func(l *loop.Loop) time.Duration { return e.room(a, l) })
}

// carry gives a connection to the plane of its frontend's mode, on its loop.
func (e *Engine) carry(l *loop.Loop, fd int, from, to netip.AddrPort, f *feed, of *stream.Socket) {
	c := l.Take(fd, nil)
	cfg := f.fe.Rules().Cfg
	car := e.planes[l.Index()].Carrier()
	take := e.planes[l.Index()].Take
	if cfg.Mode == config.ModeTCP {
		take = e.raw[l.Index()].Take
	}
	info := car.NewClient(from, to, of)
	if f.bind.TLS == nil && !f.bind.Proxy && len(cfg.TCP.Connection) == 0 && len(cfg.TCP.Session) == 0 {
		take(c, f.fe, info)
		return
	}
	door := listener.Door{Car: car, Fe: f.fe, Bind: f.name(), Proxy: f.bind.Proxy, Shake: e.shakes,
		Take: func(c *loop.Conn, info stream.Client) { take(c, f.fe, info) }}
	if f.bind.TLS != nil {
		door.TLS = f.bind.TLS.Server()
	}
	door.Enter(c, info)
}

// sayFull tells the frontend's log that no descriptor was left for a client, with
// the severity that HAProxy gives it.
func (e *Engine) sayFull(a *accepting, err error) {
	fe, whose := a.to.Load().fe, "process"
	if errors.Is(err, unix.ENFILE) {
		whose = "system"
	}
	what := fmt.Sprintf("Proxy %s reached %s FD limit (maxsock=%d): accepting pauses.", fe.Name, whose, e.limits.Load().MaxSock)
	if errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM) {
		what = fmt.Sprintf("Proxy %s reached system memory limit (maxsock=%d): accepting pauses.", fe.Name, e.limits.Load().MaxSock)
	}
	e.hub.Log(fe.Rules().Cfg.Logs, logs.Emerg, what)
}

// tuning is what the global section in force says about limits.
func (e *Engine) tuning() *config.Tuning { return &e.Config().Global.Tuning }

// room says how long the next connection must wait: for the rates, and for
// maxconn of the process, the frontend and the bind; with TLS also for maxsslrate
// and maxsslconn.
func (e *Engine) room(a *accepting, l *loop.Loop) time.Duration {
	f, now := a.to.Load(), l.Now()
	cfg := f.fe.Rules().Cfg
	if wait := max(f.fe.Came.Wait(cfg.TCP.RateLimit, now), e.came.Wait(int(e.asked.rate.Load()), now)); wait > 0 {
		return wait
	}
	if f.bind.TLS != nil {
		t := e.tuning()
		if wait := e.cameTLS.Wait(int(e.asked.sslRate(t)), now); wait > 0 {
			e.limitsTLS.held[stats.TLSRate].Add(1)
			return wait
		}
		if t.SSLConns > 0 && e.sslConns() >= int64(t.SSLConns) {
			e.limitsTLS.held[stats.TLSConns].Add(1)
			return listener.RestAtLimit
		}
	}
	var of *stream.Socket
	if f.bind.MaxConn > 0 {
		of = a.sock
	}
	if !f.fe.Claim(of, int64(f.bind.MaxConn)) {
		return listener.RestAtLimit
	}
	if a.claims[l.Index()] = (claim{f.fe, of}); len(e.loops) == 1 {
		a.unclaim(l.Index()) // nobody else looks
	}
	return 0
}
