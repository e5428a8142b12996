package rule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// An end is an action that only ends the list.
type end struct{ verdict Verdict }

func (e end) run(_ *Ctx, out *Outcome) bool {
	out.Verdict = e.verdict
	return true
}

func parseAllow(*compiler) (op, error)  { return end{Allow}, nil }
func parseReject(*compiler) (op, error) { return end{Reject}, nil }

type service struct{ name string }

func (e service) run(_ *Ctx, out *Outcome) bool {
	out.Verdict, out.Service = Serve, e.name
	return true
}

func parseUseService(c *compiler) (op, error) {
	w := c.take()
	if w.Text == "" {
		return nil, errors.New("'use-service' expects a service name")
	}
	services := c.env.Services
	if services == nil {
		services = []string{"prometheus-exporter"}
	}
	if !slices.Contains(services, w.Text) {
		c.bad = w
		return nil, fmt.Errorf("'%s' unknown service name", w.Text)
	}
	return service{w.Text}, nil
}

// logLevels are the names of syslog's severities, most severe first.
var logLevels = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

type logLevel struct {
	level  int
	silent bool
}

func (e logLevel) run(_ *Ctx, out *Outcome) bool {
	out.LogLevel, out.Silent = e.level, e.silent
	return false
}

func parseLogLevel(c *compiler) (op, error) {
	w := c.take()
	if w.Text == "silent" {
		return logLevel{silent: true}, nil
	}
	i := slices.Index(logLevels, w.Text)
	if i < 0 {
		c.bad = w
		return nil, errors.New("expects exactly 1 argument (log level name or 'silent')")
	}
	return logLevel{level: 1 + i}, nil
}

type strictMode struct{ on bool }

func (e strictMode) run(_ *Ctx, out *Outcome) bool {
	out.Lenient = !e.on
	return false
}

func parseStrictMode(c *compiler) (op, error) {
	w := c.take()
	if w.Text != "on" && w.Text != "off" {
		c.bad = w
		return nil, fmt.Errorf("Unexpected value '%s'. Only 'on' and 'off' are supported", w.Text)
	}
	return strictMode{w.Text == "on"}, nil
}

// A capture keeps a value in a slot for the logs.
type capture struct {
	expr   *Expr
	slot   int
	length int // 0: that of the slot
	reply  bool
}

func (e *capture) run(x *Ctx, _ *Outcome) bool {
	slots := x.Captures
	if e.reply {
		slots = x.ResCaps
	}
	if e.slot >= len(slots) {
		return false
	}
	if v, ok := e.expr.Eval(x); ok {
		n := e.length
		if n == 0 {
			n = x.slotLen(e.reply, e.slot)
		}
		slots[e.slot] = append(slots[e.slot][:0], v[:min(len(v), n)]...)
	}
	return false
}

func parseCapture(c *compiler) (op, error) {
	usage := errors.New("expects <expression> [ 'len' <length> | id <idx> ]")
	if !c.more() {
		return nil, usage
	}
	e, err := c.expr()
	if err != nil {
		return nil, err
	}
	words, ok := c.takeN(2)
	if !ok {
		return nil, usage
	}
	n, err := strconv.Atoi(words[1].Text)
	c.bad = words[1]
	if c.set != HTTPRequest && words[0].Text != "id" {
		c.bad = words[0]
		return nil, fmt.Errorf("expects 'id', found '%s'", words[0].Text)
	}
	switch words[0].Text {
	case "len":
		if err != nil || n <= 0 {
			return nil, errors.New("length must be > 0")
		}
		if c.env.AddCapture == nil {
			return nil, errors.New("the argument 'len' is known but not supported yet")
		}
		return &capture{expr: e, slot: c.env.AddCapture(n), length: n}, nil
	case "id":
		if err != nil || n < 0 {
			return nil, fmt.Errorf("invalid id '%s'", words[1].Text)
		}
		reply := c.set != HTTPRequest
		if c.env.Capture != nil { // of a frontend: a backend's slots are those of whoever came
			c.env.Capture(n, reply, c.set)
		}
		return &capture{expr: e, slot: n, reply: reply}, nil
	}
	c.bad = words[0]
	return nil, usage
}
