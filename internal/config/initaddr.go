package config

import (
	"net/netip"
	"slices"
	"sync"

	"bascule/internal/lang"
)

// lookups bounds how many names are asked at once: a start with a dead resolver
// waits once for all of them, and a living one is not flooded.
const lookups = 16

// resolveServers gives every server its address by the methods of init-addr.
// Each name is looked up once for a family.
func (l *loader) resolveServers() {
	found := l.lookupServers()
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

// lookupServers asks for all names that the method libc needs.
func (l *loader) lookupServers() map[string]netip.Addr {
	names := map[string]Address{}
	for _, d := range l.drafts {
		for _, s := range d.Servers {
			if s.Addr.Kind == AddrTCP && !s.Addr.IP.IsValid() && slices.Contains(s.InitAddr, "libc") {
				names[familyName(s.Addr)] = s.Addr
			}
		}
	}
	var (
		mu    sync.Mutex // guards found
		found = map[string]netip.Addr{}
		slots = make(chan struct{}, lookups)
		wait  sync.WaitGroup
	)
	for name, a := range names {
		wait.Go(func() { // ends by lookupTime
			slots <- struct{}{}
			defer func() { <-slots }()
			ip, err := l.lookupHost(a)
			if err != nil {
				return // not found: the next method's turn
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = ip
		})
	}
	wait.Wait()
	return found
}

// familyName is a name with the family that is asked for.
func familyName(a Address) string {
	switch {
	case a.V6:
		return "ipv6@" + a.Host
	case a.V4:
		return "ipv4@" + a.Host
	}
	return a.Host
}

// initAddr tries the methods in order; true with no address set is `none`.
func (l *loader) initAddr(d *draft, s *Server, found map[string]netip.Addr) bool {
	for _, method := range s.InitAddr {
		switch method {
		case "none":
			return true
		case "last":
			if s.lastAddr.IsValid() {
				s.Addr.IP = s.lastAddr
				return true
			}
			if l.env.Last == nil {
				continue
			}
			if ip, ok := l.env.Last(d.Name, s.Name); ok {
				s.Addr.IP = ip
				return true
			}
		case "libc":
			if ip, ok := found[familyName(s.Addr)]; ok {
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
