package logs

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bascule/internal/lang"
)

// Severities of syslog (RFC 5424 §6.2.1).
const (
	Emerg = iota
	Alert
	Crit
	Err
	Warning
	Notice
	Info
	Debug
)

// Levels are the names of the severities, most severe first.
var Levels = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// Facilities are the names of syslog's facilities in the order of their numbers.
var Facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
	"uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert", "cron2",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// Formats are the values of `format` on a log line.
var Formats = []string{"local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw"}

// The length of a line that goes to a target, as HAProxy bounds it.
const (
	MinLen     = 80
	MaxLen     = 65535
	DefaultLen = 1024
)

// defaultPort is syslog's.
const defaultPort = "514"

// A targetParser reads one log line.
type targetParser struct {
	words []lang.Word
	used  int
	last  lang.Word
	p     *lang.Problems
}

// ParseTarget reads what follows `log` or `log` in the section global: address,
// len, format, facility and levels. `log global` is the caller's. It gives nil
// after adding a problem.
func ParseTarget(words []lang.Word, p *lang.Problems) *Target {
	s := targetParser{words: words, p: p}
	if len(words) < 2 || words[1].Text == "" {
		p.Alertf(first(words), "log : expects <address> and <facility> or global as arguments")
		return nil
	}
	t := &Target{Len: DefaultLen, MinLevel: Debug}
	addr := s.take()
	if t.Addr = s.address(addr); t.Addr == "" {
		return nil
	}
	if !s.options(t) {
		return nil
	}
	if addr, ok := strings.CutPrefix(t.Addr, TCPPrefix); ok {
		t.Ring = &Section{Name: t.Addr, Text: "of the log line to " + addr, Format: t.Format, Size: DefaultRingSize, MaxLen: t.Len, Servers: []RingServer{{Name: addr, Addr: addr}}}
	}
	facility := s.take()
	t.Facility = slices.Index(Facilities, facility.Text)
	if t.Facility < 0 {
		return s.unknown(facility, "facility", Facilities)
	}
	if s.more() {
		level := s.take()
		if t.MinLevel = slices.Index(Levels, level.Text); t.MinLevel < 0 {
			return s.unknown(level, "optional log level", Levels)
		}
	}
	if s.more() {
		level := s.take()
		if t.MaxLevel = slices.Index(Levels, level.Text); t.MaxLevel < 0 {
			return s.unknown(level, "optional minimum log level", Levels)
		}
	}
	if s.more() {
		w := s.take()
		p.Alertf(w, "log : cannot handle unexpected argument '%s'", w.Text)
		return nil
	}
	return t
}

func first(words []lang.Word) lang.Word {
	if len(words) == 0 {
		return lang.Word{}
	}
	return words[0]
}

func (s *targetParser) more() bool { return s.used < len(s.words) }

func (s *targetParser) take() lang.Word {
	if !s.more() {
		return lang.Word{Pos: s.last.Pos, Len: s.last.Len}
	}
	s.last = s.words[s.used]
	s.used++
	return s.last
}

func (s *targetParser) unknown(w lang.Word, what string, legal []string) *Target {
	text := "unknown log " + what
	if strings.HasPrefix(what, "optional") {
		text = "unknown " + what
	}
	s.p.Alertf(w, "log : %s '%s'", text, w.Text)
	q := &s.p.List[len(s.p.List)-1]
	q.Near, q.Allowed = lang.Nearest(w.Text, legal), legal
	return nil
}

// options reads len, format and sample, in this order as HAProxy does.
func (s *targetParser) options(t *Target) bool {
	if s.more() && s.words[s.used].Text == "len" {
		s.used++
		w := s.take()
		n, err := strconv.Atoi(w.Text)
		if err != nil || n < MinLen || n > MaxLen {
			s.p.Alertf(w, "log : invalid log length '%s', must be between %d and %d", w.Text, MinLen, MaxLen)
			return false
		}
		t.Len = n
	}
	if s.more() && s.words[s.used].Text == "format" {
		s.used++
		w := s.take()
		if !slices.Contains(Formats, w.Text) {
			s.unknown(w, "format", Formats)
			return false
		}
		t.Format = w.Text
	}
	if s.more() && s.words[s.used].Text == "sample" {
		s.used++
		w := s.take()
		sample, err := parseSample(w.Text)
		if err != nil {
			s.p.Alertf(w, "log : %s", err)
			return false
		}
		t.Sample = sample
	}
	return true
}

// address gives the address in the form of Target.Addr, "" after a problem.
func (s *targetParser) address(w lang.Word) string {
	text := w.Text
	if name, ok := strings.CutPrefix(text, RingPrefix); ok && name != "" {
		return text
	}
	for _, tcp := range [...]string{"tcp@", "tcp4@", "tcp6@"} {
		if rest, ok := strings.CutPrefix(text, tcp); ok {
			network := "ip" + strings.Trim(tcp, "tcp@")
			if addr := s.udp(w, rest, network); addr != "" {
				return TCPPrefix + addr
			}
			return ""
		}
	}
	for _, planned := range [...]string{"ring@", "stream+", "abns@", "abnsz@", "sockpair@", "backend@"} {
		if strings.HasPrefix(text, planned) {
			s.p.Alertf(w, "log : addresses with '%s' are known but not supported yet", planned)
			return ""
		}
	}
	text = strings.TrimPrefix(text, "dgram+")
	network := "ip" // of ResolveIPAddr
	for _, family := range [...]struct{ prefix, network string }{{"udp@", "ip"}, {"udp4@", "ip4"}, {"udp6@", "ip6"}, {"ipv4@", "ip4"}, {"ipv6@", "ip6"}} {
		if rest, ok := strings.CutPrefix(text, family.prefix); ok {
			text, network = rest, family.network
			break
		}
	}
	text = strings.TrimPrefix(text, "unix@")
	switch {
	case strings.HasPrefix(text, "/") && len(text) > maxPath:
		s.p.Alertf(w, "log : socket path '%s' too long (max %d)", w.Text, maxPath)
		return ""
	case text == "stdout", text == "stderr", strings.HasPrefix(text, "/"):
		return text
	case strings.HasPrefix(text, "fd@"):
		if n, err := strconv.Atoi(text[3:]); err == nil && n >= 0 {
			return text
		}
	}
	return s.udp(w, text, network)
}

// ResolveTCP gives the address of a server of syslog over TCP, host:port or the path
// of a unix socket, "" after adding a problem.
func ResolveTCP(w lang.Word, p *lang.Problems) string {
	s := targetParser{words: []lang.Word{w}, p: p}
	if addr := strings.TrimPrefix(w.Text, "unix@"); strings.HasPrefix(addr, "/") {
		return s.address(w)
	}
	return s.udp(w, strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(w.Text, "ipv4@"), "ipv6@"), "tcp@"), "ip")
}

// maxPath is the longest path of a unix socket that HAProxy takes.
const maxPath = 97

// udp resolves, for datagrams and TCP alike, ip[:port] or name[:port] to numbers.
func (s *targetParser) udp(w lang.Word, text, network string) string {
	name, port := text, defaultPort
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		name, port = text[:i], text[i+1:]
	}
	if port == "" || name == "*" {
		port = defaultPort
	}
	for _, c := range port {
		if c < '0' || c > '9' {
			s.p.Alertf(w, "log : invalid character '%c' in port number '%s' in '%s'", c, port, w.Text)
			return ""
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err == nil {
		if a, err := resolve(network, strings.Trim(name, "[]")); err == nil {
			return netip.AddrPortFrom(a, uint16(number)).String()
		}
	}
	s.p.Alertf(w, "log : invalid address: '%s' in '%s'", name, w.Text)
	return ""
}

// resolve gives the address of a name in a network of net.ResolveIPAddr.
func resolve(network, name string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil && (network == "ip" || a.Is4() == (network == "ip4")) {
		return a.Unmap(), nil
	}
	a, err := net.ResolveIPAddr(network, name)
	if err != nil {
		return netip.Addr{}, err
	}
	ip, _ := netip.AddrFromSlice(a.IP)
	return ip.Unmap(), nil
}
