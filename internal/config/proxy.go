package config

import (
	"net/netip"
	"strconv"
	"time"
)

func atoi(s string) (int, error) { return strconv.Atoi(s) }

func numeric(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func idKey(id int) string { return "#" + strconv.Itoa(id) }

func parseMode(x *line) {
	if !x.atMost(1) {
		return
	}
	x.px.modeAt = x.at(0)
	switch x.arg(0) {
	case "http":
		x.px.Mode = ModeHTTP
	case "tcp":
		x.px.Mode = ModeTCP
	case "log", "spop", "haterm":
		x.alert(x.args[0], "keyword 'mode %s' is known but not supported yet: proxies speak HTTP or pass bytes.", x.arg(0))
	default:
		x.choose(0, "unknown proxy mode '"+x.arg(0)+"'.", "http", "tcp")
	}
}

// choose adds an alert at argument i with what would have been legal.
func (x *line) choose(i int, text string, allowed ...string) {
	o := &options{line: x}
	o.problem(x.at(i), text, allowed)
}

// timeouts are the keywords `timeout X` and where their values go.
func timeout(name, text string, in Section, field func(*Timeouts) *time.Duration) Keyword {
	full := "timeout " + name
	return Keyword{Name: full, In: in, Usage: "<time>", Text: text, Example: full + " 10s", parse: func(x *line) {
		if d, ok := x.duration(0, full); ok && x.atMost(1) {
			*field(&x.px.Timeouts) = d
			x.px.timeoutSet[name] = true
		}
	}}
}

func parseReuse(x *line) {
	values := []string{"safe", "never", "aggressive", "always"}
	for i, v := range values {
		if x.arg(0) == v {
			if x.atMost(1) {
				x.px.Reuse = Reuse(i)
			}
			return
		}
	}
	x.choose(0, "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.", values...)
}

func parseProxyID(x *line) {
	n, err := atoi(x.arg(0))
	if err != nil || n <= 0 || n > maxInt32 {
		x.alert(x.at(0), "custom id has to be > 0.")
		return
	}
	for _, d := range x.drafts {
		if d != x.px && d.IDFixed && d.ID == n {
			x.alert(x.args[0], "%s %s reuses same custom id as %s %s (declared at %s).", x.px.noun(), x.px.Name, d.noun(), d.Name, d.Line)
			return
		}
	}
	if x.atMost(1) {
		x.px.ID, x.px.IDFixed = n, true
	}
}
