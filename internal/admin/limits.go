package admin

import (
	"math"
	"strconv"

	"bascule/internal/stream"
)

// frontend finds the frontend that the first argument names; it has answered
// itself if there is none.
func (w worker) frontend(c *Call) *stream.Frontend {
	if c.Arg(0) == "" {
		c.Fail("A frontend name is expected.")
		return nil
	}
	id := number(c.Arg(0))
	for _, f := range w.p.Stats().Frontends() {
		if f.Name == c.Arg(0) || id >= 0 && f.Rules().Cfg.ID == id {
			return f
		}
	}
	c.Fail("No such frontend.")
	return nil
}

// setStage is "enable", "disable" and "shutdown frontend".
func (w worker) setStage(to stream.Stage) func(*Call) {
	return func(c *Call) {
		if f := w.frontend(c); f != nil {
			if err := w.p.SetFrontend(f.Name, to); err != nil {
				c.Fail("%s", err)
			}
		}
	}
}

func (w worker) setMaxConnFrontend(c *Call) {
	f := w.frontend(c)
	if f == nil {
		return
	}
	if c.Arg(1) == "" {
		c.Fail("Integer value expected.")
		return
	}
	if n, ok := c.limit(c.Arg(1)); ok {
		f.SetMaxConn(int64(n))
	}
}

func (w worker) setMaxConnGlobal(c *Call) {
	if c.Arg(0) == "" {
		c.Fail("Expects an integer value.")
		return
	}
	if n, ok := c.limit(c.Arg(0)); ok && !w.p.SetMaxConn(n) {
		c.Fail("Value out of range.")
	}
}

// limit reads a number that is no less than 0; false after it has failed.
func (c *Call) limit(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		c.Fail("Expects an integer value.")
	case n < 0 || n > math.MaxInt32:
		c.Fail("Value out of range.")
	default:
		return n, true
	}
	return 0, false
}

const rateUsage = "'set rate-limit' only supports :\n" +
	"   - 'connections global' to set the per-process maximum connection rate\n" +
	"   - 'sessions global' to set the per-process maximum session rate\n" +
	"   - 'ssl-sessions global' to set the per-process maximum SSL session rate"

// setRateLimit is "set rate-limit connections|sessions|ssl-sessions global N".
func (w worker) setRateLimit(c *Call) {
	of := map[string]func(int){"connections": w.p.SetConnRate, "sessions": w.p.SetSessRate, "ssl-sessions": w.p.SetSSLRate}[c.Arg(0)]
	switch {
	case c.Arg(0) == "http-compression" && c.Arg(1) == "global":
		c.Fail("'set rate-limit %s' is known but not supported yet.", c.Arg(0))
	case of == nil || c.Arg(1) != "global":
		c.Fail("%s", rateUsage)
	case c.Arg(2) == "":
		c.Fail("Expects an integer value.")
	default:
		if n, ok := c.limit(c.Arg(2)); ok {
			of(n)
		}
	}
}
