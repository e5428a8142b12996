package config

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAddressesHaveManyForms(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"fe1": "7", "HOST": "127.0.0.1", "PORT": "80"}[name]
		return v, ok
	}
	for text, want := range map[string]string{
		":80":                 "tcp 0.0.0.0 80-80",
		"*:80":                "tcp 0.0.0.0 80-80",
		"127.0.0.1:80":        "tcp 127.0.0.1 80-80",
		"127.0.0.1":           "tcp 127.0.0.1 0-0",
		":::80":               "tcp :: 80-80",
		"[::1]:80":            "tcp ::1 80-80",
		"::1:80":              "tcp ::1 80-80",
		"[::1]":               "tcp ::1 0-0",
		"ipv4@:80":            "tcp 0.0.0.0 80-80 4",
		"ipv6@:80":            "tcp :: 80-80 6",
		"tcp@127.0.0.1:80-90": "tcp 127.0.0.1 80-90",
		"stream+ipv4@name:80": "tcp name? 80-80 4",
		"api-1.lxd:8080":      "tcp api-1.lxd? 8080-8080",
		"10.1.2:80":           "tcp 10.1.0.2 80-80",
		"127.1:80":            "tcp 127.0.0.1 80-80",
		"2130706433:80":       "tcp 127.0.0.1 80-80",
		"10.256.1:80":         "tcp 10.256.1? 80-80",
		"127.0.0.1:+100":      "tcp 127.0.0.1 100-100 +",
		"/run/x.sock":         "unix /run/x.sock",
		"unix@run/x.sock":     "unix run/x.sock",
		"abns@name":           "abns name",
		"fd@3":                "fd 3",
		"fd@${fe1}":           "fd 7",
		"stream+fd@${fe1}":    "fd 7",
		"$HOST:$PORT":         "tcp 127.0.0.1 80-80",
		"${HOST}:8${PORT}":    "tcp 127.0.0.1 880-880",
		"udp@127.0.0.1:514":   "udp 127.0.0.1 514-514",
		"dgram+127.0.0.1:514": "udp 127.0.0.1 514-514",
		"":                    "error '' resolves to an empty address",
		"$NONE":               "error '$NONE' resolves to an empty address",
		"${HOST:80":           "error unmatched brace",
		":99999":              "error invalid port '99999'",
		":-5":                 "tcp 0.0.0.0 5-5 -",
		":90-80":              "error invalid port range '90-80'",
		":http":               "error invalid port 'http'",
		"fd@x":                "error file descriptor 'x' is not a valid integer",
		"a b:80":              "error invalid address: 'a b'",
		"unix@":               "error missing path",
		"quic4@:443":          "error address family 'quic4@' is known but not supported yet",
		"sockpair@3":          "error address family 'sockpair@' is known but not supported yet",
	} {
		a, err := parseAddress(text, lookup)
		got := ""
		switch {
		case err != nil:
			got = "error " + err.Error()
		case a.Kind == AddrUnix || a.Kind == AddrAbns:
			got = [...]string{AddrUnix: "unix ", AddrAbns: "abns "}[a.Kind] + a.Path
		case a.Kind == AddrFD:
			got = fmt.Sprint("fd ", a.FD)
		default:
			ip := a.Host + "?"
			if a.IP.IsValid() {
				ip = a.IP.String()
			}
			got = fmt.Sprintf("%s %s %d-%d", [...]string{AddrTCP: "tcp", AddrUDP: "udp"}[a.Kind], ip, a.low, a.high)
			if a.V4 {
				got += " 4"
			}
			if a.V6 {
				got += " 6"
			}
			if a.relative != "" {
				got += " " + a.relative
			}
		}
		if got != want && !(strings.HasPrefix(want, "error") && strings.HasPrefix(got, want)) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestARangeOfPortsIsManyBinds(t *testing.T) {
	cfg := mustLoad(t, "defaults\n"+timeouts+"frontend f\n    bind :18080-18082,127.0.0.1:19000 name x id 4\n    bind [::]:18090 v4v6\n    default_backend b\nbackend b\n    server s 127.0.0.1:1\n")
	var got []string
	for _, b := range cfg.Proxies[0].Binds {
		got = append(got, fmt.Sprintf("%d:%v:%d:%s", b.ID, b.Addr.IP, b.Addr.Port, b.Name))
	}
	want := "4:0.0.0.0:18080:x 2:0.0.0.0:18081:x 3:0.0.0.0:18082:x 5:127.0.0.1:19000:x 6::::18090:"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	if !cfg.Proxies[0].Binds[4].Addr.V4V6 || cfg.Proxies[0].Binds[0].Addr.V4V6 {
		t.Errorf("v4v6 is not where it was written")
	}
}

func TestServersAreNumberedByTheirPlace(t *testing.T) {
	cfg := mustLoad(t, "defaults\n"+timeouts+"backend a\n    id 3\n    server a 127.0.0.1:1 id 2\n    server b 127.0.0.1:1\n    server c 127.0.0.1:1\nbackend b\n    server a 127.0.0.1:1\nbackend c\n    id 9\nbackend d\n")
	var got []string
	for _, px := range cfg.Proxies {
		got = append(got, fmt.Sprint(px.ID))
		for _, s := range px.Servers {
			got = append(got, fmt.Sprintf("%s=%d", s.Name, s.ID))
		}
	}
	// As `show stat` of haproxy 2.6 numbers them.
	if want := "3 a=2 b=3 c=4 4 a=1 9 6"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

func TestInitAddrTriesItsMethodsInOrder(t *testing.T) {
	var asked atomic.Int32
	env := Env{
		LookupHost: func(_ context.Context, name string) ([]netip.Addr, error) {
			asked.Add(1)
			switch name {
			case "both.lxd":
				return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:192.0.2.1")}, nil
			case "six.lxd":
				return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
			}
			return nil, fmt.Errorf("no such name")
		},
		Last: func(backend, server string) (netip.Addr, bool) {
			return netip.MustParseAddr("192.0.2.99"), backend == "b" && server == "kept"
		},
	}
	text := "defaults\n" + timeouts + `backend b
    server one both.lxd:80
    server two both.lxd:81
    server six six.lxd:80
    server six4 ipv6@both.lxd:80
    server kept gone.lxd:80 init-addr last,libc,none
    server number gone.lxd:80 init-addr libc,192.0.2.7
    server none both.lxd:80 init-addr none
    server gone gone.lxd:80 init-addr libc,none
`
	cfg, p := loadText(t, text, env)
	if cfg == nil {
		t.Fatalf("problems:\n%s", printed(p))
	}
	want := map[string]string{"one": "192.0.2.1", "two": "192.0.2.1", "six": "2001:db8::1", "six4": "2001:db8::1", "kept": "192.0.2.99", "number": "192.0.2.7", "none": "", "gone": ""}
	for _, s := range cfg.Proxies[0].Servers {
		got := ""
		if s.Addr.IP.IsValid() {
			got = s.Addr.IP.String()
		}
		if got != want[s.Name] || s.Unresolved != (got == "") || s.Disabled != (got == "") {
			t.Errorf("%s: %q, unresolved %v, disabled %v; want %q", s.Name, got, s.Unresolved, s.Disabled, want[s.Name])
		}
	}
	if out := printed(p); strings.Count(out, "[WARNING]") != 1 || !strings.Contains(out, "[t.cfg:14] : 'server b/gone' : could not resolve address 'gone.lxd', disabling server.") {
		t.Errorf("problems:\n%s", out)
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("%d look-ups, want one for each name and family: 4", n)
	}
	_, p = loadText(t, "defaults\n"+timeouts+"backend b\n    server gone gone.lxd:80\n", env)
	if out := printed(p); !strings.Contains(out, "[t.cfg:7] : 'server b/gone' : could not resolve address 'gone.lxd'.") || !strings.Contains(out, "server gone gone.lxd:80") {
		t.Errorf("an unresolved name:\n%s", out)
	}
}

func TestNamesAreLookedUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := Env{LookupHost: func(ctx context.Context, name string) ([]netip.Addr, error) {
			<-ctx.Done() // a resolver that is dead
			return nil, ctx.Err()
		}}
		text := "defaults\n" + timeouts + "backend b\n    default-server init-addr libc,none\n"
		for i := range lookups {
			text += fmt.Sprintf("    server s%d name-%d.lxd:80\n", i, i)
		}
		begin := time.Now()
		if cfg, p := loadText(t, text, env); cfg == nil {
			t.Errorf("problems:\n%s", printed(p))
		}
		if took := time.Since(begin); took != lookupTime {
			t.Errorf("it took %v, want %v for all names together", took, lookupTime)
		}
	})
}
