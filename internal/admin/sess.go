package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bascule/internal/config"
	"bascule/internal/lang"
	"bascule/internal/stream"
)

// A sessFilter is what "show sess" is asked for.
type sessFilter struct {
	id      uint64 // 0: any
	details bool
	older   time.Duration
	tunnels bool
	server  string // "be/srv", "" any
}

// parseSess reads [ID|all] [older AGE] [susp] [server b/s]; why is what is wrong.
func parseSess(args []string) (f sessFilter, why string) {
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		id, one := sessionID(word)
		switch {
		case one:
			f.id, f.details = id, true
		case word == "all", word == "help":
			f.details = true
		case word == "susp":
			f.tunnels = true
		case word == "older" || word == "server":
			if len(args) == 0 {
				return f, "'" + word + "' expects a value."
			}
			if word == "server" {
				f.server = args[0]
			} else if d, err := lang.ParseTime(args[0], time.Second); err == nil {
				f.older = d
			} else {
				return f, "cannot read the time '" + args[0] + "'."
			}
			args = args[1:]
		}
	}
	return f, ""
}

// keeps says whether a stream is asked for. Suspicious is a tunnel, or a stream
// that has been waiting for a minute: both hold memory and a slot.
func (f *sessFilter) keeps(s *stream.Session) bool {
	switch {
	case f.id != 0 && s.ID != f.id, s.Age < f.older:
		return false
	case f.server != "" && f.server != s.Backend+"/"+s.Server:
		return false
	case f.tunnels:
		return s.Age >= suspicious && !s.Tunnel
	}
	return true
}

// suspicious is the age from which "show sess susp" lists a stream that is no tunnel.
const suspicious = time.Minute

// showSess lists the streams under way, one a line, in HAProxy's form, or with
// all that is known. What describes HAProxy's insides (flags, analysers) is 0.
func (w worker) showSess(c *Call) {
	f, why := parseSess(c.Args)
	if why != "" {
		c.Fail("%s", why)
		return
	}
	found := false
	cfg := w.p.Stats().Config()
	for _, s := range w.p.Sessions() {
		if !f.keeps(&s) {
			continue
		}
		if found = true; f.details {
			writeDetails(c, &s, cfg)
		} else {
			writeSession(c, &s)
		}
	}
	if f.id != 0 && !found {
		c.Fail("Session not found.")
	}
}

// names are how a stream's ends are shown.
func names(s *stream.Session) (proto, src, be, srv string) {
	proto, src, be, srv = "unix_stream", fmt.Sprintf("unix:%d", s.From.Port()), "<NONE>", "<none>"
	if s.From.IsValid() {
		src = s.From.String()
		proto = "tcpv6"
		if s.From.Addr().Is4() {
			proto = "tcpv4"
		}
	}
	if s.Backend != "" {
		be = s.Backend
	}
	if s.Server != "" {
		srv = s.Server
	}
	return proto, src, be, srv
}

func writeSession(c *Call, s *stream.Session) {
	proto, src, be, srv := names(s)
	fmt.Fprintf(c.Out(), "0x%x: proto=%s src=%s fe=%s be=%s srv=%s ts=00 epoch=0 age=%s calls=1 rate=0 cpu=0 lat=0 "+
		"rq[f=0h,i=0,an=00h,rx=,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=-1] scb=[8,0h,fd=-1] exp= rc=0 c_exp= "+
		"phase=%c tunnel=%d in=%d out=%d\n",
		s.ID, proto, src, s.Frontend, be, srv, age(s.Age), s.Phase, bit(s.Tunnel), s.In, s.Out)
}

// phases are the letters of Session.Phase in words.
var phases = map[byte]string{'R': "request", 'Q': "queue", 'C': "connect", 'H': "wait for the reply", 'D': "data", 'L': "last data"}

// writeDetails is one stream in several lines, those that HAProxy and bascule
// both know first and as HAProxy has them.
func writeDetails(c *Call, s *stream.Session, cfg *config.Config) {
	proto, src, be, srv := names(s)
	fe, bk := proxyOf(cfg, s.Frontend), proxyOf(cfg, s.Backend)
	fmt.Fprintf(c.Out(), "0x%x: [%s] id=%d proto=%s source=%s\n", s.ID, time.Now().Add(-s.Age).Format("02/Jan/2006:15:04:05.000000"), s.ID, proto, src)
	fmt.Fprintf(c.Out(), "  frontend=%s (id=%d mode=%s)\n", s.Frontend, fe.ID, fe.Mode)
	if s.Backend == "" {
		fmt.Fprintf(c.Out(), "  backend=%s (id=-1 mode=-)\n", be)
	} else {
		fmt.Fprintf(c.Out(), "  backend=%s (id=%d mode=%s)\n", be, bk.ID, bk.Mode)
	}
	id := -1
	for _, line := range bk.Servers {
		if line.Name == s.Server {
			id = line.ID
		}
	}
	fmt.Fprintf(c.Out(), "  server=%s (id=%d)\n", strings.ReplaceAll(srv, "<none>", "<NONE>"), id)
	fmt.Fprintf(c.Out(), "  age=%s phase=%c (%s) tunnel=%d in=%d out=%d\n", age(s.Age), s.Phase, phases[s.Phase], bit(s.Tunnel), s.In, s.Out)
}

func proxyOf(cfg *config.Config, name string) *config.Proxy {
	for _, p := range cfg.Proxies {
		if p.Name == name && name != "" {
			return p
		}
	}
	return &config.Proxy{}
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
