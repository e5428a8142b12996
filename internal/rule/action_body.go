package rule

import (
	"errors"
	"fmt"
	"time"

	"bascule/internal/lang"
)

// A waitForBody is wait-for-body: the rules go on when so much of the body is
// there, all of it, or as much as a buffer takes.
type waitForBody struct {
	delay   time.Duration
	atLeast int64
}

func (e *waitForBody) run(x *Ctx, out *Outcome) bool {
	out.Verdict, out.Delay, out.AtLeast = Hold, e.delay, e.atLeast
	return true
}

func parseWaitForBody(c *compiler) (op, error) {
	e := &waitForBody{}
	for c.more() {
		w := c.take()
		c.bad = w
		value := lang.Word{}
		switch w.Text {
		case "time", "at-least":
			if value = c.take(); value.Text == "" {
				return nil, fmt.Errorf("missing argument for '%s'", w.Text)
			}
			c.bad = value
		default:
			c.used--
			c.bad = lang.Word{}
			return e, e.complete()
		}
		if w.Text == "time" {
			d, err := lang.ParseTime(value.Text, time.Millisecond)
			if err != nil {
				return nil, fmt.Errorf("%w in '%s'", err, value.Text)
			}
			e.delay = max(d, 1) // 0 waits for nothing
			continue
		}
		n, err := lang.ParseSize(value.Text)
		if err != nil {
			return nil, fmt.Errorf("%w in '%s'", err, value.Text)
		}
		e.atLeast = int64(n)
	}
	c.bad = lang.Word{}
	return e, e.complete()
}

func (e *waitForBody) complete() error {
	if e.delay == 0 {
		return errors.New("expects time <time> [ at-least <bytes> ]")
	}
	return nil
}
