package config

import (
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// checkConnectWords are the options that are read.
var checkConnectWords = []string{"default", "port", "addr", "send-proxy", "ssl", "sni", "alpn", "linger", "proto", "comment"}

// parseCheckConnect reads `http-check connect …` and `tcp-check connect …`.
func parseCheckConnect(http bool) func(*line) {
	return func(x *line) {
		s := CheckStep{Connect: &CheckDial{}}
		for i := 0; i < len(x.args); {
			used := x.checkConnectOption(http, &s, i)
			if used == 0 {
				return
			}
			i += used
		}
		x.px.checks.tls = x.px.checks.tls || s.Connect.TLS
		x.addStep(http, s)
	}
}

// checkConnectOption reads the option at argument i and gives how many words
// it took, 0 after a problem.
func (x *line) checkConnectOption(http bool, s *CheckStep, i int) int {
	w, c := x.args[i], s.Connect
	switch w.Text {
	case "default":
		c.Default = true
	case "send-proxy":
		c.SendProxy = true
	case "linger":
		c.Linger = true
	case "ssl":
		c.TLS = true
	case "sni":
		if c.SNI = x.arg(i + 1); c.SNI == "" {
			x.alert(w, "'%s' : 'sni' expects a string as argument.", x.kw.Name)
			return 0
		}
		return 2
	case "alpn":
		if x.arg(i+1) == "" {
			x.alert(w, "'%s' : 'alpn' : "+noALPN+".", x.kw.Name)
			return 0
		}
		c.ALPN = spoken(protocols(x.args[i+1]), http)
		return 2
	case "proto":
		return x.checkConnectProto(http, i)
	case "via-socks4":
		x.alert(w, knownButNot+"%s.", x.kw.Name, w.Text, "SOCKS4 is not spoken")
		return 0
	case "comment":
		if s.Comment = x.arg(i + 1); s.Comment == "" {
			x.alert(w, "'%s' : 'comment' expects a string as argument.", x.kw.Name)
			return 0
		}
		return 2
	case "addr":
		if x.arg(i+1) == "" {
			x.alert(w, "'%s' : 'addr' expects <ipv4|ipv6> as argument.", x.kw.Name)
			return 0
		}
		return x.checkConnectAddr(c, x.args[i+1])
	case "port":
		return x.checkConnectPort(c, i)
	default:
		x.choose(i, "'"+x.kw.Name+"' : expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn', 'linger', 'proto' or 'default' but got '"+w.Text+"' as argument.", checkConnectWords...)
		return 0
	}
	return 1
}

// knownButNot is how a word of HAProxy's is refused.
const knownButNot = "'%s' : keyword '%s' is known but not supported yet: "

// checkConnectProto reads the protocol behind argument i, which must be the one that
// is spoken anyway.
func (x *line) checkConnectProto(http bool, i int) int {
	name, spoken, kind := x.arg(i+1), "none", "tcp-check"
	if http {
		spoken, kind = "h1", "http-check"
	}
	switch name {
	case "":
		x.alert(x.args[i], "'%s' : 'proto' expects a MUX protocol as argument.", x.kw.Name)
	case spoken:
		return 2
	case "h1", "h2", "fcgi", "none":
		if http && name != "none" {
			x.alert(x.args[i+1], knownButNot+"checks speak HTTP/1.", x.kw.Name, "proto "+name)
		} else {
			x.alert(x.args[i+1], "'%s' : 'proto' : invalid MUX protocol '%s' for %s.", x.kw.Name, name, kind)
		}
	default:
		x.choose(i+1, "'"+x.kw.Name+"' : 'proto' : unknown MUX protocol '"+name+"'.", spoken)
	}
	return 0
}

func (x *line) checkConnectAddr(c *CheckDial, w lang.Word) int {
	a, err := parseAddress(w.Text, x.lookup)
	if err == nil && a.Kind == AddrTCP && !a.IP.IsValid() {
		a.IP, err = x.lookupHost(a.Address)
	}
	if err != nil || a.Kind != AddrTCP {
		x.alert(w, "'%s' : 'addr' : invalid address: '%s'.", x.kw.Name, w.Text)
		return 0
	}
	if c.Addr = a.Address; c.Port == 0 {
		c.Port = a.Port
	}
	return 2
}

// checkConnectPort reads a number or an expression behind argument i.
func (x *line) checkConnectPort(c *CheckDial, i int) int {
	if x.arg(i+1) == "" {
		x.alert(x.args[i], "'%s' : 'port' expects a port number or a sample expression as argument.", x.kw.Name)
		return 0
	}
	if n, err := atoi(x.arg(i + 1)); err == nil {
		if n < 1 || n > 65535 {
			x.alert(x.args[i+1], "'%s' : expects a valid TCP port (from range 1 to 65535) or a sample expression, got %s.", x.kw.Name, x.arg(i+1))
			return 0
		}
		c.Port = n
		return 2
	}
	e, used, err := rule.ParseCheckExpr(x.args[i+1:])
	if err != nil {
		x.alert(x.args[i+1], "'%s' : error detected while parsing port expression : %s.", x.kw.Name, err)
		return 0
	}
	c.PortExpr = e
	return 1 + used
}
