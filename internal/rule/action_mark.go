package rule

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bascule/internal/lang"
)

// A setTimeout is set-timeout: a constant, or milliseconds of an expression.
type setTimeout struct {
	timer Timer
	delay time.Duration
	expr  *Expr
}

func (e *setTimeout) run(x *Ctx, _ *Outcome) bool {
	if x.Marks == nil {
		return false
	}
	d := e.delay
	if e.expr != nil {
		if !e.expr.first(x, &x.smp) {
			return false
		}
		n, ok := x.smp.number()
		if !ok || n <= 0 || n > int64(lang.MaxTimer/time.Millisecond) {
			return false // HAProxy leaves the timeout as it is
		}
		d = time.Duration(n) * time.Millisecond
	}
	x.Marks.timeouts[e.timer] = d
	x.Marks.set |= 1 << e.timer
	return false
}

func parseSetTimeout(c *compiler) (op, error) {
	words, ok := c.takeN(2)
	if !ok {
		return nil, errors.New("expects exactly 2 arguments")
	}
	i := slices.Index(timerNames[:], words[0].Text)
	if i < 0 {
		c.bad = words[0]
		return nil, fmt.Errorf("'set-timeout' rule supports 'client', 'connect', 'queue', 'server', 'tarpit' and 'tunnel' (got '%s')", words[0].Text)
	}
	e := &setTimeout{timer: Timer(i)}
	if side, has := "backend", c.env.Back; e.timer != TimerClient && !has && c.env.Front ||
		e.timer == TimerClient && !c.env.Front && c.env.Back {
		if e.timer == TimerClient {
			side = "frontend"
		}
		c.bad = words[0]
		return nil, fmt.Errorf("%s has no %s capability", c.proxyName(), side)
	}
	d, err := lang.ParseTime(words[1].Text, time.Millisecond)
	if err == nil {
		if e.delay = d; d == 0 {
			c.bad = words[1]
			return nil, errors.New("null value is not valid for a 'set-timeout' rule")
		}
		return e, nil
	}
	c.used--
	e.expr, err = c.expr()
	return e, err
}

// proxyName is the proxy as HAProxy's texts of actions name it.
func (c *compiler) proxyName() string {
	if _, name, ok := strings.Cut(c.env.Proxy, " "); ok {
		return "proxy " + name
	}
	return "the proxy"
}

// A setAddr is set-src and set-dst, a setPort set-src-port and set-dst-port.
type setAddr struct {
	dst  bool
	expr *Expr
}

func (e *setAddr) run(x *Ctx, _ *Outcome) bool {
	if !e.expr.first(x, &x.smp) {
		return false
	}
	a, ok := x.smp.addr()
	if ok {
		x.move(e.dst, func(old netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a, old.Port()) })
	}
	return false
}

type setPort struct {
	dst  bool
	expr *Expr
}

func (e *setPort) run(x *Ctx, _ *Outcome) bool {
	if !e.expr.first(x, &x.smp) {
		return false
	}
	n, ok := x.smp.number()
	if ok && n >= 0 && n <= 65535 {
		x.move(e.dst, func(old netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(old.Addr(), uint16(n)) })
	}
	return false
}

// move changes an address for the rest of the stream.
func (x *Ctx) move(dst bool, to func(netip.AddrPort) netip.AddrPort) {
	if x.Marks == nil {
		return
	}
	if dst {
		x.Dst = to(x.Dst)
		x.Marks.Dst = x.Dst
		return
	}
	x.Src = to(x.Src)
	x.Marks.Src = x.Src
}

func parseSetSrc(c *compiler) (op, error)     { return c.setAddr(false) }
func parseSetDst(c *compiler) (op, error)     { return c.setAddr(true) }
func parseSetSrcPort(c *compiler) (op, error) { return c.setPort(false) }
func parseSetDstPort(c *compiler) (op, error) { return c.setPort(true) }

func (c *compiler) setAddr(dst bool) (op, error) {
	e, err := c.expr()
	return &setAddr{dst, e}, err
}

func (c *compiler) setPort(dst bool) (op, error) {
	e, err := c.expr()
	return &setPort{dst, e}, err
}

// A setRetries is set-retries: a number, or an expression.
type setRetries struct {
	count int
	expr  *Expr
}

// maxRetries is HAProxy's largest value of set-retries.
const maxRetries = 100

func (e *setRetries) run(x *Ctx, _ *Outcome) bool {
	n := int64(e.count)
	if e.expr != nil {
		if !e.expr.first(x, &x.smp) {
			return false
		}
		var ok bool
		if n, ok = x.smp.number(); !ok || n < 0 || n > maxRetries {
			return false
		}
	}
	if x.Marks != nil {
		x.Marks.Retries = int(n)
		x.Marks.set |= retriesSet
	}
	return false
}

func parseSetRetries(c *compiler) (op, error) {
	if !c.more() {
		return nil, errors.New("expects exactly 1 argument")
	}
	if c.env.Front && !c.env.Back {
		return nil, fmt.Errorf("%s has no backend capability", c.proxyName())
	}
	w := c.rest()[0]
	if n, err := strconv.Atoi(w.Text); err == nil {
		c.used++
		if n < 0 || n > maxRetries {
			c.bad = w
			return nil, fmt.Errorf("expects an integer value between 0 and %d (got '%s')", maxRetries, w.Text)
		}
		return &setRetries{count: n}, nil
	}
	e, err := c.expr()
	return &setRetries{expr: e}, err
}

type disableRetry struct{}

func (disableRetry) run(x *Ctx, _ *Outcome) bool {
	if x.Marks != nil {
		x.Marks.set |= noRetry
	}
	return false
}

func parseDisableRetry(*compiler) (op, error) { return disableRetry{}, nil }

// An earlyHint is early-hint: a field of an interim 103 reply (RFC 8297).
type earlyHint struct {
	name  string
	value *Format
}

func (e *earlyHint) run(x *Ctx, _ *Outcome) bool {
	if x.Marks == nil {
		return false
	}
	v := e.value.eval(x)
	if len(x.Marks.Hints)+len(e.name)+len(v) < maxHints {
		x.Marks.Hints = appendField(x.Marks.Hints, e.name, v)
	}
	return false
}

// maxHints bounds the fields of a 103: a client reads it like any head.
const maxHints = 8 << 10

func parseEarlyHint(c *compiler) (op, error) {
	name, f, err := c.field()
	return &earlyHint{name, f}, err
}

// noEffect is an action that is accepted and has no meaning here.
type noEffect struct{}

func (noEffect) run(*Ctx, *Outcome) bool { return false }

func parseSetNice(c *compiler) (op, error) {
	if _, ok := c.takeN(1); !ok {
		return nil, errors.New("expects exactly 1 argument (integer value)")
	}
	return noEffect{}, nil
}

func parseMark(c *compiler) (op, error) {
	words, ok := c.takeN(1)
	if !ok {
		return nil, errors.New("expects exactly 1 argument (integer/hex value)")
	}
	if _, err := strconv.ParseUint(words[0].Text, 0, 64); err != nil {
		c.bad = words[0]
		return nil, fmt.Errorf("invalid character starting at '%s' (integer/hex value expected)", words[0].Text)
	}
	return noEffect{}, nil
}

func parsePriority(c *compiler) (op, error) {
	_, err := c.expr()
	return noEffect{}, err
}
