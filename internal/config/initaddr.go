package config

import (
	"net/netip"

	"bascule/internal/lang"
)

// resolveServers gives every server its address by the methods of init-addr.
// Each name is looked up once for a family.
func (l *loader) resolveServers() {
	found := map[string]netip.Addr{}
	failed := false
	for _, d := range l.drafts {
		for i, s := range d.Servers {
			if s.Addr.Kind != AddrTCP || s.Addr.IP.IsValid() {
				continue
			}
			if !l.initAddr(d, s, found) {
				failed = true
				l.unresolved(lang.Alert, d, i, "could not resolve address '%s'.")
			} else if !s.Addr.IP.IsValid() {
				s.Disabled, s.Unresolved = true, true
				if len(s.InitAddr) == 0 || s.InitAddr[0] != "none" {
					l.unresolved(lang.Warning, d, i, "could not resolve address '%s', disabling server.")
				}
			}
		}
	}
	if failed {
		l.whole(lang.Alert, "Failed to initialize server(s) addr.")
	}
}

// initAddr tries the methods in order; true with no address set is `none`.
func (l *loader) initAddr(d *draft, s *Server, found map[string]netip.Addr) bool {
	for _, method := range s.InitAddr {
		switch method {
		case "none":
			return true
		case "last":
			if l.env.Last == nil {
				continue
			}
			if ip, ok := l.env.Last(d.Name, s.Name); ok {
				s.Addr.IP = ip
				return true
			}
		case "libc":
			key := s.Addr.Host
			if s.Addr.V6 {
				key = "ipv6@" + key
			} else if s.Addr.V4 {
				key = "ipv4@" + key
			}
			ip, known := found[key]
			if !known {
				ip, _ = l.lookupHost(s.Addr) // an invalid ip says that it failed
				found[key] = ip
			}
			if ip.IsValid() {
				s.Addr.IP = ip
				return true
			}
		default:
			ip, err := netip.ParseAddr(method)
			s.Addr.IP = ip
			return err == nil
		}
	}
	return false
}

func (l *loader) unresolved(severity lang.Severity, d *draft, i int, format string) {
	s := d.Servers[i]
	l.about(severity, d.serverAt[i], "'server %s/%s' : "+format, d.Name, s.Name, s.Addr.Host)
	l.problems.List[len(l.problems.List)-1].Shape = lang.Placed
}
