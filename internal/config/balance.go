package config

import (
	"slices"
	"strings"

	"bascule/internal/balance"
	"bascule/internal/rule"
)

// defaultDraws is how many servers `balance random` draws to choose from.
const defaultDraws = 2

// parseBalance reads `balance ALGORITHM`; what hash-type said stays.
func parseBalance(x *line) {
	b := x.px.Balance
	b.URI, b.Name, b.CheckPost, b.DomainOnly, b.Expr, b.Draws = balance.URI{}, "", false, false, nil, 0
	words, ok := 1, true
	switch name, arg, paren := strings.Cut(x.arg(0), "("); {
	case name == "roundrobin" || name == "":
		b.Algorithm = RoundRobin
	case name == "static-rr":
		b.Algorithm = StaticRR
	case name == "leastconn":
		b.Algorithm = LeastConn
	case name == "first":
		b.Algorithm = First
	case name == "source":
		b.Algorithm = Source
	case name == "random":
		b.Algorithm, b.Draws = Random, defaultDraws
		if paren {
			ok = x.balanceDraws(&b, arg)
		}
	case name == "uri":
		b.Algorithm, words = URI, len(x.args)
		ok = x.balanceURI(&b.URI)
	case name == "url_param":
		b.Algorithm, words = URLParam, len(x.args)
		ok = x.balanceParam(&b)
	case name == "hdr" && paren:
		b.Algorithm, words = Hdr, 2
		ok = x.balanceHdr(&b, arg)
	case name == "hash":
		b.Algorithm, words = HashExpr, len(x.args)
		ok = x.balanceHash(&b)
	default:
		x.refuseBalance(name)
		return
	}
	if ok && x.atMost(words) {
		x.px.Balance = b
	}
}

// unbuilt are the algorithms that HAProxy knows, with the reason against them.
var unbuilt = map[string]string{
	"rdp-cookie": "the RDP protocol is not read",
	"sticky":     "it places log lines", "log-hash": "it places log lines", "log-sticky": "it places log lines",
}

func (x *line) refuseBalance(name string) {
	if why := unbuilt[name]; why != "" {
		x.alert(x.at(0), "keyword 'balance %s' is known but not supported yet: %s.", name, why)
		return
	}
	x.choose(0, "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hdr(name)' and 'rdp-cookie(name)' options.",
		"roundrobin", "static-rr", "leastconn", "first", "source", "uri", "url_param", "hdr", "hash", "random")
}

// balanceDraws reads what stands behind `random(`.
func (x *line) balanceDraws(b *Balance, arg string) bool {
	digits, closed := strings.CutSuffix(arg, ")")
	n, err := atoi(digits)
	switch {
	case err != nil && digits != "":
		x.alert(x.at(0), "balance random : unexpected character '%c' after argument.", digits[0])
	case !closed:
		x.alert(x.at(0), "balance random : missing closing parenthesis.")
	case digits == "" || n < 1:
		x.alert(x.at(0), "balance random : number of draws must be at least 1.")
	default:
		b.Draws = n
		return true
	}
	return false
}

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

// balanceParam reads `url_param NAME [check_post [LENGTH]]`; HAProxy ignores
// the length, too.
func (x *line) balanceParam(b *Balance) bool {
	if b.Name = x.arg(1); b.Name == "" {
		x.alert(x.name, "balance url_param requires an URL parameter name.")
		return false
	}
	if len(x.args) > 2 {
		if x.arg(2) != "check_post" {
			x.choose(2, "balance url_param only accepts 'check_post' modifier (got '"+x.arg(2)+"').", "check_post")
			return false
		}
		b.CheckPost = true
	}
	return true
}

// balanceHdr reads `hdr(NAME) [use_domain_only]`.
func (x *line) balanceHdr(b *Balance, arg string) bool {
	if b.Name, _, _ = strings.Cut(arg, ")"); b.Name == "" {
		x.alert(x.at(0), "balance hdr requires an http header field name.")
		return false
	}
	if len(x.args) > 1 {
		if x.arg(1) != "use_domain_only" {
			x.choose(1, "balance hdr("+b.Name+") only accepts 'use_domain_only' modifier (got '"+x.arg(1)+"').", "use_domain_only")
			return false
		}
		b.DomainOnly = true
	}
	return true
}

// balanceHash reads `hash EXPRESSION`.
func (x *line) balanceHash(b *Balance) bool {
	if x.arg(1) == "" {
		x.alert(x.name, "balance hash requires a sample expression.")
		return false
	}
	e, used, err := rule.ParseExpr(x.args[1:])
	if err != nil {
		x.alert(x.args[1], "balance hash : %s.", err)
		return false
	}
	b.Expr = e
	return used == len(x.args)-1 || x.atMost(1+used)
}

// hashFunctions are the words for balance.Func.
var hashFunctions = map[string]balance.Func{
	"sdbm": balance.SDBM, "djb2": balance.DJB2, "wt6": balance.WT6, "crc32": balance.CRC32, "none": balance.None,
}

// parseHashType reads `hash-type consistent|map-based|jump [function]
// [avalanche]`. Without a function consistent and jump hashing are finished by
// an avalanche, and map-based hashing is not.
func parseHashType(x *line) {
	b := &x.px.Balance
	kind := slices.Index([]string{"map-based", "consistent", "jump"}, x.arg(0))
	if kind < 0 {
		x.choose(0, "'hash-type' only supports 'consistent' and 'map-based'.", "consistent", "map-based", "jump")
		return
	}
	b.Consistent, b.Jump, b.Avalanche = kind == 1, kind == 2, kind != 0
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

func parseBalanceFactor(x *line) {
	n, err := atoi(x.arg(0))
	switch {
	case x.arg(0) == "":
		x.alert(x.name, "'hash-balance-factor' expects an integer argument.")
	case err != nil:
		x.alert(x.args[0], "'hash-balance-factor' expects an integer argument (got '%s').", x.arg(0))
	case n != 0 && n <= 100 || n > maxInt32:
		x.alert(x.args[0], "'hash-balance-factor' must be 0 or greater than 100.")
	case x.atMost(1):
		x.px.Balance.Factor = n
	}
}

// affinities are the values of hash-preserve-affinity.
var affinities = []string{"always", "maxconn", "maxqueue"}

func parseAffinity(x *line) {
	i := slices.Index(affinities, x.arg(0))
	if i < 0 {
		x.choose(0, "'hash-preserve-affinity' expects 'always', 'maxconn' or 'maxqueue'.", affinities...)
		return
	}
	if x.atMost(1) {
		x.px.Balance.Affinity = Affinity(i)
	}
}

// balanceKeywords are the lines that say how a server is chosen.
var balanceKeywords = []Keyword{
	{Name: "balance", In: inBack, Usage: "roundrobin | static-rr | leastconn | first | source | random[(<draws>)] | uri [whole] [len <bytes>] [depth <directories>] [path-only] | url_param <name> [check_post] | hdr(<name>) [use_domain_only] | hash <expression>",
		Text:    "How a server is chosen; roundrobin where it is not given. With uri the path up to the question mark is the key: whole takes the query too, depth only so many directories, len only so many bytes, path-only leaves scheme and host out. url_param takes a parameter of the query, hdr the first value of a header, hash whatever an expression gives; without a key the servers take turns.",
		Differs: "rdp-cookie is planned.", Example: "balance uri depth 2", parse: parseBalance},
	{Name: "hash-balance-factor", In: inProxy, Usage: "<factor>", Text: "With hash-type consistent or jump: no server takes more than so many percent of the average load for its weight; what is beyond goes to the next server of the key. 0, the default, is no bound, otherwise more than 100; 125 to 200 is usual.", Example: "hash-balance-factor 150", parse: parseBalanceFactor},
	{Name: "hash-preserve-affinity", In: inProxy, Usage: "always|maxconn|maxqueue", Text: "When a key may leave its server, with hash-type consistent or jump: never (always, the default), when the server's maxconn is reached, or when its maxqueue is. When all servers are full the request waits for its own.", Example: "hash-preserve-affinity maxqueue", parse: parseAffinity},
	{Name: "hash-type", In: inBack, Usage: "consistent|map-based|jump [<function>] [avalanche]", Text: "How a key becomes a server; map-based where it is not given. With consistent, adding or removing one of N servers moves about 1/N of the keys; with jump exactly those of the server that goes, and shares are even: give servers an id for it. Functions: sdbm (the default), djb2, wt6, crc32, none.", Differs: "jump is bascule's own; hide it from HAProxy by .if feature(BASCULE).", Example: "hash-type consistent", parse: parseHashType},
}
