package config

import (
	"bascule/internal/lang"
	"bascule/internal/rule"
)

// checkConnectPlanned are the options of http-check connect and tcp-check
// connect that need what is not built, with the words they take.
var checkConnectPlanned = map[string]struct {
	values int
	why    string
}{
	"ssl": {0, whyNotTLS}, "sni": {1, whyNotTLS}, "alpn": {1, whyNotTLS}, "via-socks4": {0, "SOCKS4 is not spoken"},
	"proto": {1, "checks speak HTTP/1 or plain TCP"},
}

// checkConnectWords are the options that are read.
var checkConnectWords = []string{"default", "port", "addr", "send-proxy", "linger", "comment"}

// parseCheckConnect reads `http-check connect …` and `tcp-check connect …`.
func parseCheckConnect(http bool) func(*line) {
	return func(x *line) {
		s := CheckStep{Connect: &CheckDial{}}
		for i := 0; i < len(x.args); {
			used := x.checkConnectOption(&s, i)
			if used == 0 {
				return
			}
			i += used
		}
		x.addStep(http, s)
	}
}

// checkConnectOption reads the option at argument i and gives how many words
// it took, 0 after a problem.
func (x *line) checkConnectOption(s *CheckStep, i int) int {
	w, c := x.args[i], s.Connect
	if p, ok := checkConnectPlanned[w.Text]; ok {
		x.alert(w, "'%s' : keyword '%s' is known but not supported yet: %s.", x.kw.Name, w.Text, p.why)
		return 0
	}
	switch w.Text {
	case "default":
		c.Default = true
	case "send-proxy":
		c.SendProxy = true
	case "linger":
		c.Linger = true
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
		x.choose(i, "'"+x.kw.Name+"' : expects 'comment', 'port', 'addr', 'send-proxy', 'linger' or 'default' but got '"+w.Text+"' as argument.", checkConnectWords...)
		return 0
	}
	return 1
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
