package config

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// An AddrKind is the family of an Address.
type AddrKind uint8

// The kinds of address.
const (
	AddrTCP  AddrKind = iota
	AddrUnix          // Path
	AddrAbns          // Path, abstract namespace
	AddrFD            // FD, inherited
	AddrUDP           // log targets
)

// An Address is where a bind listens, a server or a socket is.
type Address struct {
	Kind AddrKind
	Text string     // as written, variables expanded
	Host string     // name or number; "" and "*": any
	IP   netip.Addr // set once resolved; invalid: not resolved yet
	Port int        // 0: none
	Path string
	FD   int
	V4V6 bool // bind :::80 v4v6
	V6   bool // ipv6@, or a bind to any IPv6 address: names resolve to IPv6 only
	V4   bool // ipv4@: names resolve to IPv4 only
}

// abstractSize is the room for a name in the kernel's address of a unix socket.
const abstractSize = 108

// SocketName is the name of a unix socket as the kernel gets it, "" for what is
// none: a path, or "@" with the name, filled up with NULs, since HAProxy's names
// have the whole length (3.x writes abnsz@ for those that do not).
func (a *Address) SocketName() string {
	switch a.Kind {
	case AddrUnix:
		return a.Path
	case AddrAbns:
		return "@" + a.Path + strings.Repeat("\x00", max(0, abstractSize-1-len(a.Path)))
	}
	return ""
}

// lookupTime bounds one look-up of a name at start, so that a dead resolver
// delays a start and does not prevent its answer.
const lookupTime = 10 * time.Second

// An addressRange is an address with a range of ports; low == high for one.
type addressRange struct {
	Address
	low, high int
	relative  string // "+" or "-" before the port
}

// families are the prefixes of addresses that are known.
var families = map[string]string{
	"ipv4": "", "ipv6": "", "tcp": "", "tcp4": "", "tcp6": "", "ip": "", "udp": "", "udp4": "", "udp6": "",
	"unix": "", "abns": "", "fd": "", "uxst": "", "uxdg": "",
	"sockpair": "socket pairs join master and worker inside", "quic4": "QUIC is not spoken", "quic6": "QUIC is not spoken",
	"abnsz": "use abns@", "mptcp": "MPTCP is not spoken", "mptcp4": "MPTCP is not spoken", "mptcp6": "MPTCP is not spoken",
	"rhttp": "reverse HTTP is not spoken", "ring": "log rings are internal",
}

// parseAddress reads an address as HAProxy writes them (manual, chapter 11 of
// 3.x, "bind"): [stream+][family@]address[:port[-port]]. Names stay in Host.
func parseAddress(text string, lookup func(string) (string, bool)) (addressRange, error) {
	full, err := expandVars(text, lookup)
	a := addressRange{Address: Address{Text: full}}
	if err != nil {
		return a, err
	}
	if full == "" {
		return a, fmt.Errorf("'%s' resolves to an empty address (environment variable missing?)", text)
	}
	rest := full
	rest = strings.TrimPrefix(rest, "stream+")
	if r, ok := strings.CutPrefix(rest, "dgram+"); ok {
		rest, a.Kind = r, AddrUDP
	}
	family := ""
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		why, known := families[rest[:i]]
		if known {
			family, rest = rest[:i], rest[i+1:]
		}
		if why != "" {
			return a, fmt.Errorf("address family '%s@' is known but not supported yet: %s", family, why)
		}
	}
	switch family {
	case "fd":
		return a.descriptor(rest)
	case "abns":
		a.Kind, a.Path = AddrAbns, rest
	case "unix", "uxst", "uxdg":
		a.Kind, a.Path = AddrUnix, rest
	case "udp", "udp4", "udp6":
		a.Kind = AddrUDP
	case "":
		if strings.HasPrefix(rest, "/") {
			a.Kind, a.Path = AddrUnix, rest
		}
	}
	if a.Kind == AddrUnix || a.Kind == AddrAbns {
		return a, a.checkPath()
	}
	a.V4, a.V6 = strings.HasSuffix(family, "4"), strings.HasSuffix(family, "6")
	return a.hostPort(rest)
}

const (
	// maxPath is the longest path of a unix socket: what the kernel takes (107)
	// without the ten characters of the name under which a socket is made, before
	// it replaces the one that is there.
	maxPath = 97
	// maxAbstract is the longest name of an abstract socket.
	maxAbstract = 107
)

// checkPath says what is wrong with the path of a unix socket.
func (a *addressRange) checkPath() error {
	most := maxPath
	if a.Kind == AddrAbns {
		most = maxAbstract
	}
	switch {
	case a.Path == "":
		return fmt.Errorf("missing path in '%s'", a.Text)
	case len(a.Path) > most:
		return fmt.Errorf("socket path '%s' too long (max %d)", a.Text, most)
	}
	return nil
}

// descriptor reads the number behind fd@.
func (a addressRange) descriptor(text string) (addressRange, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return a, fmt.Errorf("file descriptor '%s' is not a valid integer in '%s'", text, a.Text)
	}
	a.Kind, a.FD = AddrFD, n
	return a, nil
}

// hostPort reads host[:port[-port]]. As in HAProxy the last colon begins the
// port, unless brackets say where the host ends.
func (a addressRange) hostPort(text string) (addressRange, error) {
	host, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i >= 0 && i > strings.LastIndexByte(text, ']') {
		host, port = text[:i], text[i+1:]
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	a.Host = host
	switch ip, err := netip.ParseAddr(host); {
	case err == nil:
		a.IP = ip
	case (host == "" || host == "*") && a.V6, host == "::":
		a.IP = netip.IPv6Unspecified()
	case host == "" || host == "*":
		a.IP = netip.IPv4Unspecified()
	case shortIPv4(host).IsValid():
		a.IP = shortIPv4(host)
	case !nameOK(host):
		return a, fmt.Errorf("invalid address: '%s' in '%s'", host, a.Text)
	}
	if a.IP.IsValid() && (a.V4 && a.IP.Is6() || a.V6 && a.IP.Is4()) {
		return a, fmt.Errorf("invalid address: '%s' in '%s'", host, a.Text)
	}
	return a.ports(port)
}

func (a addressRange) ports(port string) (addressRange, error) {
	if port == "" {
		return a, nil
	}
	if port[0] == '+' || port[0] == '-' {
		a.relative, port = port[:1], port[1:]
	}
	first, second, isRange := strings.Cut(port, "-")
	var err error
	if a.low, err = strconv.Atoi(first); err != nil || a.low < 0 || a.low > 65535 || first[0] == '+' {
		return a, fmt.Errorf("invalid port '%s'", first)
	}
	a.high = a.low
	if isRange {
		if a.high, err = strconv.Atoi(second); err != nil || a.high < a.low || a.high > 65535 {
			return a, fmt.Errorf("invalid port range '%s'", port)
		}
	}
	a.Port = a.low
	return a, nil
}

// shortIPv4 reads what the C library takes for an IPv4 address with fewer than
// four parts: the last part fills the bytes that are left, 10.1 is 10.0.0.1.
func shortIPv4(host string) netip.Addr {
	parts := strings.Split(host, ".")
	if len(parts) > 3 {
		return netip.Addr{}
	}
	var value uint32
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		room := uint(8)
		if i == len(parts)-1 {
			room = uint(8 * (5 - len(parts)))
		}
		if err != nil || n >= 1<<room {
			return netip.Addr{}
		}
		value = value<<room | uint32(n)
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)})
}

// nameOK says whether host could be a name of DNS or /etc/hosts.
func nameOK(host string) bool {
	for i := 0; i < len(host); i++ {
		if c := host[i]; !isWord(c) && c != '.' {
			return false
		}
	}
	return host != ""
}

// expandVars expands $NAME and ${NAME} in an address even without quotes, as
// HAProxy does.
func expandVars(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		b.WriteString(text[:i])
		text = text[i+1:]
		brace := strings.HasPrefix(text, "{")
		text = strings.TrimPrefix(text, "{")
		n := 0
		for n < len(text) && isWord(text[n]) && text[n] != '-' {
			n++
		}
		value, _ := lookup(text[:n])
		b.WriteString(value)
		text = text[n:]
		if brace {
			if !strings.HasPrefix(text, "}") {
				return "", fmt.Errorf("unmatched brace in environment variable name")
			}
			text = text[1:]
		}
	}
}

// lookupHost resolves a name to one address, IPv4 first as HAProxy's libc
// method gives it, unless the address asks for a family.
func (l *loader) lookupHost(a Address) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	found, err := l.env.LookupHost(ctx, a.Host)
	if err != nil {
		return netip.Addr{}, err
	}
	var second netip.Addr
	for _, ip := range found {
		ip = ip.Unmap()
		if ip.Is4() && !a.V6 {
			return ip, nil
		}
		if ip.Is6() && !a.V4 && !second.IsValid() {
			second = ip
		}
	}
	if !second.IsValid() {
		return second, fmt.Errorf("no address")
	}
	return second, nil
}
