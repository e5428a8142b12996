package check

import (
	"bytes"
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"sync"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A target is where a server's checks go, its own address apart.
type target struct {
	addr      netip.Addr // invalid: the server's
	port      int        // 0: the server's
	sendProxy bool
}

// A run is one check under way: the steps of a sequence over one connection
// after the other.
type run struct {
	c      *Checker
	ctx    context.Context
	srv    *backend.Server
	kind   config.CheckKind
	spare  bool // http-check disable-on-404
	state  bool // http-check send-state
	target target
	timing timing

	begin   time.Time
	until   time.Time // everything must be done by then
	conn    net.Conn
	secured bool // TLS is spoken on it
	// unwatch ends the watch over ctx, which closes conn.
	unwatch func() bool
	linger  bool
	port    int
	step    *config.CheckStep
	result  backend.Result
	fault   error // the reason is ours: no evidence against the server

	buf    []byte // received since the last send
	ended  bool   // no more will come
	reply  wire.Reply
	seen   bool // reply is parsed
	method wire.Method
	code   int
	named  *config.HeaderMatch // the one that is about a name
	vars   rule.Vars
	x      rule.Ctx
}

// play runs the steps.
func (r *run) play(steps []config.CheckStep) (backend.Result, error) {
	r.start()
	over := false
	for i := range steps {
		r.step = &steps[i]
		if over = r.take(r.step); over {
			break
		}
	}
	if !over {
		r.passed()
	}
	return r.finish()
}

// replyBuffers are buffers for what servers answer: thousands of checks a second would
// else be most of what the process allocates.
var replyBuffers = sync.Pool{New: func() any { return new([replyMax]byte) }}

func (r *run) start() {
	r.begin = time.Now()
	r.until = r.begin.Add(r.timing.whole)
	r.x = rule.Ctx{Backend: r.srv.Backend().Name(), Server: r.srv.Name, Dst: r.srv.Addr(), Now: r.begin, Vars: &r.vars}
}

// finish closes the last connection and completes the result.
func (r *run) finish() (backend.Result, error) {
	r.drop()
	if r.buf != nil {
		replyBuffers.Put((*[replyMax]byte)(r.buf[:replyMax]))
		r.buf = nil
	}
	r.result.Duration = time.Since(r.begin)
	if r.result.Status.HasCode() {
		r.result.Code = r.code
	}
	r.result.Info = r.result.Info[:min(len(r.result.Info), maxInfo)]
	return r.result, r.fault
}

// drop closes the connection, if there is one.
func (r *run) drop() {
	if r.conn != nil {
		r.unwatch()
		drop(r.conn, r.linger)
		r.conn, r.secured = nil, false
	}
}

// take does one step; over says that the check has ended with it.
func (r *run) take(s *config.CheckStep) (over bool) {
	switch {
	case s.Connect != nil:
		return r.connect(s.Connect)
	case s.Send != nil:
		return r.send(r.data(s.Send))
	case s.Request != nil:
		state := ""
		if r.state {
			state = stateHeader(r.srv, r.c.set.Load().Node)
		}
		r.method = method(s.Request.Method)
		return r.send(request(s.Request, &r.x, state))
	case s.Action != nil:
		var out rule.Outcome
		rule.Run([]*rule.Action{s.Action}, &r.x, &out)
		return false
	case r.kind == config.CheckHTTP:
		r.named = &s.Expect.Name
		return r.expectHTTP(s.Expect)
	}
	return r.expect(s.Expect)
}

// end sets the result.
func (r *run) end(status backend.CheckStatus, info string) (over bool) {
	r.result.Status, r.result.Info = status, info
	return true
}

// connect opens the connection of a step and closes the one before.
func (r *run) connect(d *config.CheckDial) (over bool) {
	r.drop()
	r.forget()
	network, addr, why := r.address(d)
	if why != "" {
		return r.end(backend.CheckSOCKERR, why+r.where())
	}
	limit := time.Now().Add(r.timing.connect)
	if r.timing.reply == 0 && r.until.Before(limit) {
		limit = r.until
	}
	ctx, cancel := context.WithDeadline(r.ctx, limit)
	conn, err := r.dialler(network)(ctx, network, addr)
	cancel()
	switch {
	case err != nil && ours(err):
		r.fault = err
		return true
	case err != nil && timedOut(err):
		return r.end(backend.CheckL4TOUT, r.where())
	case err != nil && network == "unix": // told at once, before there is a connection
		return r.end(backend.CheckSOCKERR, "General socket error ("+text(err)+")"+r.where())
	case err != nil:
		return r.end(backend.CheckL4CON, text(err)+r.where())
	}
	r.conn, r.linger = conn, d.Linger
	r.unwatch = context.AfterFunc(r.ctx, func() { conn.Close() }) // a silent server must not hold back a reload or the end
	if r.timing.reply > 0 {
		r.until = time.Now().Add(r.timing.reply)
	}
	conn.SetDeadline(r.until)
	if d.SendProxy || d.Default && r.target.sendProxy {
		if _, err := conn.Write(proxyLine(conn)); err != nil {
			return r.broken(err)
		}
	}
	if cfg := r.srv.Config(); cfg.CheckTLS != nil && (d.TLS || d.Default && cfg.CheckSSL) {
		return r.secure(cfg, d)
	}
	return false
}

// forget drops what was received: it belongs to what was sent before.
func (r *run) forget() {
	r.buf, r.ended, r.seen, r.x.Res = r.buf[:0], false, false, nil
}

func (r *run) send(b []byte) (over bool) {
	r.forget()
	if _, err := r.conn.Write(b); err != nil {
		return r.broken(err)
	}
	return false
}

// data is what a tcp-check send says.
func (r *run) data(d *config.CheckData) []byte {
	if d.Format == nil {
		return d.Bytes
	}
	b := d.Format.Append(nil, &r.x)
	if !d.Hex {
		return b
	}
	n, _ := hex.Decode(b, b)
	return b[:n]
}

// read takes more of what the server sends. An error behind data counts as the
// end: a reset often follows the last byte.
func (r *run) read() error {
	if r.buf == nil {
		r.buf = (*replyBuffers.Get().(*[replyMax]byte))[:0]
	}
	n, err := r.conn.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if err != nil && (timedOut(err) || !eof(err) && len(r.buf) == 0) {
		return err
	}
	r.ended = err != nil || len(r.buf) == cap(r.buf)
	return nil
}

// expect looks for a pattern in what the server sends.
func (r *run) expect(e *config.Expect) (over bool) {
	for {
		if over, sure := r.compare(e); sure {
			return over
		}
		if err := r.read(); err != nil {
			return r.broken(err)
		}
	}
}

// compare is sure when more data would not change the outcome.
func (r *run) compare(e *config.Expect) (over, sure bool) {
	if len(r.buf) == 0 && !r.ended {
		return false, false
	}
	want := e.Data
	if e.Format != nil {
		want = e.Format.Append(nil, &r.x)
		if e.Kind == "binary-lf" {
			n, _ := hex.Decode(want, want)
			want = want[:n]
		}
	}
	if !r.ended && (len(r.buf) < len(want) || len(r.buf) < e.MinRecv) {
		return false, false
	}
	found := false
	if e.Match != nil {
		found = e.Match(r.buf)
	} else {
		found = bytes.Contains(r.buf, want)
	}
	switch {
	case !found && !r.ended && e.MinRecv == -1:
		return false, false
	case found != e.Not:
		return false, true
	}
	return r.failed(e, backend.CheckL7RSP, "", !found), true
}

// spare404 says that http-check disable-on-404 applies: the server answered
// 404 and was not down.
func (r *run) spare404() bool {
	return r.spare && r.code == 404 && r.srv.State().Op != backend.Stopped
}
