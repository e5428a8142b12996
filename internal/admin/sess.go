package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bascule/internal/stream"
)

// showSess lists the streams under way, one a line, in HAProxy's form. What
// describes HAProxy's insides (flags, analysers) is 0.
func (w worker) showSess(c *Call) {
	id, one := sessionID(c.Arg(0))
	found := false
	for _, s := range w.p.Sessions() {
		if one && s.ID != id {
			continue
		}
		found = true
		writeSession(c, &s)
	}
	if one && !found {
		c.Fail("Session not found.")
	}
}

func writeSession(c *Call, s *stream.Session) {
	proto, src := "unix_stream", "unix:1"
	if s.From.IsValid() {
		src = s.From.String()
		proto = "tcpv6"
		if s.From.Addr().Is4() {
			proto = "tcpv4"
		}
	}
	be, srv := "<NONE>", "<none>"
	if s.Backend != "" {
		be = s.Backend
	}
	if s.Server != "" {
		srv = s.Server
	}
	fmt.Fprintf(c.Out(), "0x%x: proto=%s src=%s fe=%s be=%s srv=%s ts=00 epoch=0 age=%s calls=1 rate=0 cpu=0 lat=0 "+
		"rq[f=0h,i=0,an=00h,rx=,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=-1] scb=[8,0h,fd=-1] exp= rc=0 c_exp= "+
		"phase=%c tunnel=%d in=%d out=%d\n",
		s.ID, proto, src, s.Frontend, be, srv, age(s.Age), s.Phase, bit(s.Tunnel), s.In, s.Out)
}

// age is a duration in HAProxy's short form: the two largest of days, hours,
// minutes and seconds.
func age(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s >= 86400:
		return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
	case s >= 3600:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	case s >= 60:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	}
	return fmt.Sprintf("%ds", s)
}

// sessionID reads the number that "show sess" prints. Words like "all" name none.
func sessionID(word string) (uint64, bool) {
	text, ok := strings.CutPrefix(word, "0x")
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(text, 16, 64)
	return id, err == nil
}

func (w worker) shutdownSession(c *Call) {
	if c.Arg(0) == "" {
		c.Fail("Session pointer expected (use 'show sess').")
		return
	}
	id, ok := sessionID(c.Arg(0))
	if !ok || !w.p.Kill(id) {
		c.Fail("No such session (use 'show sess').")
	}
}
