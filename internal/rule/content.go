package rule

import (
	"errors"
	"fmt"
	"strconv"
)

// A truth is how far a condition is decided while data comes.
type truth uint8

const (
	no    truth = iota
	maybe       // not true yet
	yes
)

// not turns no and yes around.
func (t truth) not() truth { return yes - t }

// RunContent executes rules of tcp-request content or tcp-response content.
// While x.Partial is set and a condition depends on what may still come, the
// verdict is Wait: it must be called again, from the beginning, with more, or
// with Partial unset (HAProxy's manual, "tcp-request content").
func RunContent(actions []*Action, x *Ctx, out *Outcome) {
	*out = Outcome{fields: out.fields[:0], body: out.body[:0]}
	for i, a := range actions {
		switch a.cond.decide(x) {
		case no:
			continue
		case maybe:
			out.Verdict = Wait
			return
		}
		x.Scratch = x.Scratch[:0]
		if a.op.run(x, out) {
			out.Next = i + 1
			return
		}
	}
}

// decide is Match in three values.
func (c *Cond) decide(x *Ctx) truth {
	if c == nil {
		return yes
	}
	t := no
	for _, g := range c.groups {
		all := yes
		for i := range g {
			one := g[i].acl.decide(x)
			if g[i].not {
				one = one.not()
			}
			all = min(all, one)
		}
		t = max(t, all)
	}
	if c.unless {
		return t.not()
	}
	return t
}

func (a *acl) decide(x *Ctx) truth {
	t := no
	for i := range a.list {
		c := &a.list[i]
		x.may = x.Partial && x.Req == nil && c.expr.fetch.need.ofRequest()
		if c.match(x) {
			return yes
		}
		if x.may {
			t = maybe
		}
	}
	return t
}

// ofRequest says that a parsed request is looked at, which may still come.
func (n need) ofRequest() bool { return n == needRequest || n == needKept || n == needEither }

func fetchWaitEnd(x *Ctx, _ []arg, s *Sample) bool {
	x.may = x.Partial
	return s.setBool(!x.Partial)
}

func fetchLen(x *Ctx, _ []arg, s *Sample) bool {
	x.may = x.Partial
	return s.setInt(int64(len(x.Payload)))
}

// fetchPayload gives bytes from an offset; a length of 0 means all that came.
func fetchPayload(x *Ctx, args []arg, s *Sample) bool {
	off, n := args[0].num, args[1].num
	size := int64(len(x.Payload))
	x.may = x.Partial && (n == 0 || off > size || n > size-off)
	if off < 0 || n < 0 || off > size || n > size-off {
		return false
	}
	if n == 0 {
		n = size - off
	}
	s.Kind, s.Bytes = KindBin, x.Payload[off:off+n]
	return true
}

// fetchPayloadLV gives bytes whose length stands before them, in network order:
// where the length is, its size, and where the bytes are.
func fetchPayloadLV(x *Ctx, args []arg, s *Sample) bool {
	at, size := args[0].num, args[1].num
	if at < 0 || size <= 0 || size > maxLengthSize || at > int64(len(x.Payload))-size {
		x.may = x.Partial
		return false
	}
	var n int64
	for _, b := range x.Payload[at : at+size] {
		n = n<<8 | int64(b)
	}
	from := at + size
	if len(args) > 2 {
		off, err := strconv.ParseInt(args[2].text, 10, 64)
		if err != nil {
			return false
		}
		if c := args[2].text[0]; c == '+' || c == '-' {
			off += from
		}
		from = off
	}
	if n <= 0 || from < 0 || from > int64(len(x.Payload))-n {
		x.may = x.Partial && n > 0
		return false
	}
	s.Kind, s.Bytes = KindBin, x.Payload[from:from+n]
	return true
}

// maxLengthSize is the longest length in bytes: more than any buffer has.
const maxLengthSize = 4

type expectProxy struct{}

func (expectProxy) run(_ *Ctx, out *Outcome) bool {
	out.ExpectProxy = true
	return false
}

func parseExpectProxy(c *compiler) (op, error) {
	if w := c.take(); w.Text != "layer4" {
		c.bad = w
		return nil, fmt.Errorf("'expect-proxy' only supports 'layer4' (got '%s')", w.Text)
	}
	return expectProxy{}, nil
}

func parseClose(c *compiler) (op, error) {
	if c.set != TCPResponseContent {
		return nil, errors.New("only in tcp-response content")
	}
	return end{Close}, nil
}
