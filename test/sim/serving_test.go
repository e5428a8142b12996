package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A reception is a request at a host.
type reception struct {
	r    *request
	t    *try
	mode mode
	// Of a reply that ends with the connection; nobody can tell its end from a
	// FIN before it.
	closes bool
	came   int // bytes of the request's body
	said   string
}

// A mode is what a host does with a request.
type mode byte

const (
	works        mode = iota
	errs              // 500
	resetsAtHead      // before it has read the body, or done anything
	resetsAfter       // the request was executed
	leavesAfter       // likewise, by a FIN
	cuts              // in the middle of the reply, by a reset
	leaves            // likewise, by a FIN
	stalls            // likewise, and says nothing any more
	hangs             // executes and says nothing
	babbles           // says what is not HTTP
)

var oddities = []mode{errs, resetsAtHead, resetsAfter, leavesAfter, cuts, leaves, stalls, hangs, babbles}

// arrive is what came to the host: its kernel takes it, or says that nobody does.
func (c *conn) arrive(parts []part, n int, t *try) {
	h := c.h
	if c.dead || !h.up {
		c.dead = true
		c.here(func() { c.receive([]part{{kind: rst}}) })
		return
	}
	t.acked = true
	c.acked(n)
	c.unread = append(c.unread, parts...)
	h.work(0, func() {
		list := c.unread
		c.unread = nil
		for _, p := range list {
			c.readPart(p, t)
		}
	})
}

func (c *conn) readPart(p part, t *try) {
	h, w := c.h, c.w
	switch p.kind {
	case head:
		c.at = &reception{r: w.byID(field(p.data, "X-Id")), t: t}
		c.at.t.took = true
		if h.odd > 0 && w.chance(h.odd) {
			c.at.mode = pick(w.Rand, oddities...)
		}
		if h.sick && w.chance(2) {
			c.at.mode = errs
		}
		if h.sour {
			c.at.mode = errs
		}
		if c.at.mode == resetsAtHead {
			w.tell("%s resets %v at its head", h.name, c.at.r)
			c.reset()
		}
	case data:
		if c.at != nil {
			w.judge.uploaded(c.at, h, p.data)
		}
	case end:
		at := c.at
		if at == nil || c.dead && at.mode == resetsAtHead {
			return
		}
		w.judge.uploadEnds(at, h)
		// Executed even if the balancer has closed meanwhile: the process has read it.
		h.work(w.between(0, 20*time.Millisecond), func() { c.execute(at) })
	}
}

func field(head, name string) string {
	_, v, _ := strings.Cut(head, name+": ")
	v, _, _ = strings.Cut(v, "\r\n")
	return v
}

// execute does what the request asks for, and answers.
func (c *conn) execute(at *reception) {
	h, w := c.h, c.w
	w.judge.executed(at.r, at.t, h)
	if c.dead {
		return
	}
	switch at.mode {
	case resetsAfter:
		c.reset()
	case leavesAfter:
		c.goodbye()
	case babbles:
		c.here(func() { c.receive([]part{{kind: garbage}}) })
		c.dead = true
	case hangs:
	default:
		c.answer(at)
	}
}

// answer sends the reply, in one packet or in several.
func (c *conn) answer(at *reception) {
	w := c.w
	status, reason := 200, "OK"
	if at.mode == errs {
		status, reason = 500, "Oops"
	}
	body := w.body(at.r, c.h.name)
	at.r.bodies = append(at.r.bodies, body)
	framing := "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	switch {
	case w.chance(4):
		framing = "Transfer-Encoding: chunked\r\n"
	case w.chance(12):
		framing, at.closes = "Connection: close\r\n", true
	}
	parts := []part{{head, fmt.Sprintf("HTTP/1.1 %d %s\r\nX-Server: %s\r\n%s\r\n", status, reason, c.h.name, framing)}}
	if w.chance(15) {
		parts = append([]part{{head, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"}}, parts...)
	}
	if at.r.method != "HEAD" {
		for len(body) > 0 {
			n := min(len(body), 1+w.IntN(9000))
			parts = append(parts, part{data, body[:n]})
			body = body[n:]
		}
		if at.closes {
			parts = append(parts, part{kind: fin})
		} else if !strings.HasSuffix(framing, ": 0\r\n") {
			parts = append(parts, part{kind: end})
		}
	} else if at.closes {
		parts = append(parts, part{kind: fin})
	}
	c.say(at, parts)
}

// say sends the parts, and breaks off where the mode says so.
func (c *conn) say(at *reception, parts []part) {
	w := c.w
	if c.dead {
		return
	}
	if len(parts) == 0 {
		if c.at == at { // else the next request has come
			c.at = nil
		}
		return
	}
	n := 1 + w.IntN(len(parts))
	if len(parts) <= 3 && w.chance(3) {
		n = len(parts)
	}
	now := parts[:n]
	breaks := at.mode == cuts || at.mode == leaves || at.mode == stalls
	if breaks && n == len(parts) {
		now = parts[:n-1]
	}
	for _, p := range now {
		if p.kind == data {
			at.said += p.data
		}
	}
	if len(now) > 0 {
		if now[len(now)-1].kind == fin {
			c.dead = true
		}
		c.here(func() { c.receive(now) })
	}
	if breaks && (n == len(parts) || w.chance(2)) {
		w.tell("%s breaks off its reply to %v", c.h.name, at.r)
		switch at.mode {
		case cuts:
			c.reset()
		case leaves:
			c.goodbye()
		}
		return
	}
	rest := parts[n:]
	c.h.work(w.between(0, 30*time.Millisecond), func() { c.say(at, rest) })
}

// reset is the host's end of the connection by RST, goodbye by FIN.
func (c *conn) reset() { c.hostCloses(rst) }

func (c *conn) goodbye() { c.hostCloses(fin) }

func (c *conn) hostCloses(k partKind) {
	if c.dead {
		return
	}
	c.dead = true
	if at := c.at; at != nil && at.closes && k == fin {
		at.r.bodies = append(at.r.bodies, at.said)
	}
	c.here(func() { c.receive([]part{{kind: k}}) })
}
