package cli

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"bascule/internal/config"
)

// parseSocket reads -S BIND[,OPTION,VALUE]*; nil for none.
func parseSocket(text string) (*config.StatsSocket, error) {
	if text == "" {
		return nil, nil
	}
	words := strings.Split(text, ",")
	addr, err := parseAddress(words[0])
	if err != nil {
		return nil, fmt.Errorf("-S '%s' : %w", words[0], err)
	}
	s := &config.StatsSocket{Addr: addr, Mode: 0o600, UID: -1, GID: -1, Level: "admin"}
	env := config.System()
	for i := 1; i < len(words); i += 2 {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		var err error
		switch words[i] {
		case "mode":
			var n uint64
			n, err = strconv.ParseUint(value, 8, 12)
			s.Mode = os.FileMode(n)
		case "level":
			s.Level = value
		case "uid":
			s.UID, err = strconv.Atoi(value)
		case "gid":
			s.GID, err = strconv.Atoi(value)
		case "user":
			s.UID, _, err = env.LookupUser(value)
		case "group":
			s.GID, err = env.LookupGroup(value)
		default:
			err = fmt.Errorf("unknown option")
		}
		if err != nil {
			return nil, fmt.Errorf("-S option '%s' '%s' : %w", words[i], value, err)
		}
	}
	return s, nil
}

func parseAddress(text string) (config.Address, error) {
	a := config.Address{Text: text}
	switch rest, kind := cutKind(text); kind {
	case "fd":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return a, fmt.Errorf("'%s' is not a descriptor", rest)
		}
		a.Kind, a.FD = config.AddrFD, n
	case "unix":
		a.Kind, a.Path = config.AddrUnix, rest
	case "abns":
		a.Kind, a.Path = config.AddrAbns, rest
	default:
		host, port, ok := strings.Cut(rest, ":")
		if strings.Count(rest, ":") > 1 {
			i := strings.LastIndexByte(rest, ':')
			host, port, ok = strings.Trim(rest[:i], "[]"), rest[i+1:], true
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if !ok || err != nil {
			return a, fmt.Errorf("expects a path, fd@N or an address with a port")
		}
		a.Port, a.IP = int(n), netip.IPv4Unspecified()
		if host != "" && host != "*" {
			if a.IP, err = netip.ParseAddr(host); err != nil {
				return a, fmt.Errorf("'%s' is not an address", host)
			}
		}
	}
	return a, nil
}

func cutKind(text string) (rest, kind string) {
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") {
		return text, "unix"
	}
	for _, kind := range []string{"fd", "unix", "abns", "ipv4", "ipv6", "sockpair"} {
		if rest, ok := strings.CutPrefix(text, kind+"@"); ok {
			return rest, kind
		}
	}
	return text, ""
}
