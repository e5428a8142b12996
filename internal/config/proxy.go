package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"bascule/internal/balance"
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

func parseBalance(x *line) {
	b := Balance{Func: x.px.Balance.Func, Avalanche: x.px.Balance.Avalanche, Consistent: x.px.Balance.Consistent}
	switch name, arg, _ := strings.Cut(x.arg(0), "("); name {
	case "roundrobin", "":
		b.Algorithm = RoundRobin
	case "static-rr":
		b.Algorithm = StaticRR
	case "leastconn":
		b.Algorithm = LeastConn
	case "first":
		b.Algorithm = First
	case "source":
		b.Algorithm = Source
	case "random":
		b.Algorithm, b.Draws = Random, defaultDraws
		if arg != "" {
			n, err := atoi(strings.TrimSuffix(arg, ")"))
			if err != nil || n < 1 || !strings.HasSuffix(arg, ")") {
				x.alert(x.at(0), "balance random : number of draws must be at least 1 (got '%s').", arg)
				return
			}
			b.Draws = n
		}
	case "uri":
		b.Algorithm = URI
		if !x.balanceURI(&b.URI) {
			return
		}
		x.px.Balance = b
		return
	case "url_param", "hdr", "rdp-cookie", "hash", "sticky", "log-hash", "log-sticky":
		x.alert(x.at(0), "keyword 'balance %s' is known but not supported yet: keys of this kind are not taken.", name)
		return
	default:
		x.choose(0, "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hdr(name)' and 'rdp-cookie(name)' options.",
			"roundrobin", "static-rr", "leastconn", "first", "source", "uri", "random")
		return
	}
	if x.atMost(1) {
		x.px.Balance = b
	}
}

// defaultDraws is how many servers `balance random` draws to choose from.
const defaultDraws = 2

// balanceURI reads the options of `balance uri`.
func (x *line) balanceURI(u *balance.URI) bool {
	for i := 1; i < len(x.args); i++ {
		switch name := x.args[i].Text; name {
		case "len", "depth":
			i++
			n, err := atoi(x.arg(i))
			if err != nil || n <= 0 {
				x.alert(x.at(min(i, len(x.args)-1)), "balance uri : '%s' expects a positive integer (got '%s').", name, x.arg(i))
				return false
			}
			if name == "len" {
				u.Len = n
			} else {
				u.Depth = n
			}
		case "whole":
			u.Whole = true
		case "path-only":
			u.PathOnly = true
		default:
			x.choose(i, "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '"+name+"').", "len", "depth", "path-only", "whole")
			return false
		}
	}
	return true
}

// hashFunctions are the words for balance.Func.
var hashFunctions = map[string]balance.Func{
	"sdbm": balance.SDBM, "djb2": balance.DJB2, "wt6": balance.WT6, "crc32": balance.CRC32, "none": balance.None,
}

// parseHashType reads `hash-type consistent|map-based [function] [avalanche]`.
// Without a function consistent hashing is finished by an avalanche, and
// map-based hashing is not.
func parseHashType(x *line) {
	b := &x.px.Balance
	switch x.arg(0) {
	case "consistent":
		b.Consistent, b.Avalanche = true, true
	case "map-based":
		b.Consistent, b.Avalanche = false, false
	default:
		x.choose(0, "'hash-type' only supports 'consistent' and 'map-based'.", "consistent", "map-based")
		return
	}
	b.Func = balance.SDBM
	if len(x.args) < 2 {
		return
	}
	f, ok := hashFunctions[x.arg(1)]
	if !ok {
		x.choose(1, "'hash-type' only supports 'sdbm', 'djb2', 'crc32', 'wt6' and 'none' hash functions.", "sdbm", "djb2", "wt6", "crc32", "none")
		return
	}
	b.Func, b.Avalanche = f, false
	if len(x.args) > 2 {
		if x.arg(2) != "avalanche" {
			x.choose(2, "'hash-type' only supports 'avalanche' as a modifier for hash functions.", "avalanche")
			return
		}
		b.Avalanche = true
	}
	x.atMost(3)
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
