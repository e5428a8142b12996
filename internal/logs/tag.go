package logs

import (
	"crypto/tls"
	"net/netip"
	"os"
	"strconv"

	"bascule/internal/rule"
)

// A tag is one %name of a log format.
type tag struct {
	name   string
	append tagFunc
	omits  bool
	text   string
}

// ofHTTP are the tags that only a proxy of mode http has.
var ofHTTP = []string{"CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "TR", "Ta", "Ti", "Tq", "Tr", "r", "tr", "trg", "trl"}

var tags = indexTags()

func indexTags() map[string]*tag {
	m := make(map[string]*tag, len(tagTable))
	for i := range tagTable {
		m[tagTable[i].name] = &tagTable[i]
	}
	return m
}

func findTag(name string) *tag { return tags[name] }

// Tags describes all tags of log formats for the manual.
func Tags() []rule.Keyword {
	list := make([]rule.Keyword, len(tagTable))
	for i, t := range tagTable {
		list[i] = rule.Keyword{Name: "%" + t.name, Kind: "log tag", Usage: "%" + t.name, Text: t.text, Example: "log-format %" + t.name}
	}
	return list
}

// number makes a tag of an integer.
func number(of func(*Record) int64) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if o.JSON {
			return appendTyped(dst, of(r), o.Type)
		}
		return appendInt(dst, of(r))
	}
}

// appendInt is strconv.AppendInt, quicker for the small numbers of most lines.
func appendInt(dst []byte, n int64) []byte {
	if uint64(n) < 10 {
		return append(dst, byte('0'+n))
	}
	return strconv.AppendInt(dst, n, 10)
}

// hexNumber makes a tag of an integer that flag X shows in hexadecimal, with so
// many digits at least.
func hexNumber(width int, of func(*Record) int64) tagFunc {
	plain := number(of)
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if !o.Hex {
			return plain(dst, r, o)
		}
		dst = openRaw(dst, o)
		return openRaw(rule.AppendHex(dst, uint64(of(r)), width), o)
	}
}

// openRaw is the quote around what is text in JSON alone; it closes it, too.
func openRaw(dst []byte, o rule.FormatOptions) []byte {
	if o.JSON {
		dst = append(dst, '"')
	}
	return dst
}

// date makes a tag of a date.
func date(of func(dst []byte, r *Record) []byte) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		return openRaw(of(openRaw(dst, o), r), o)
	}
}

// open is the quote around a text that is written in parts; it closes it, too.
func open(dst []byte, o rule.FormatOptions) []byte {
	if o.Quote || o.JSON {
		dst = append(dst, '"')
	}
	return dst
}

// soFar makes a tag of an integer that has a + in front when it may still grow
// (option logasap).
func soFar(of func(*Record) int64) tagFunc {
	plain := number(of)
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if r.ASAP && !o.JSON {
			dst = append(dst, '+')
		}
		return plain(dst, r, o)
	}
}

// cookie makes a tag of a text that may be missing, such as a captured cookie.
// HAProxy writes it as it came; only what could break the line is escaped.
func cookie(of func(*Record) []byte) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		return appendOptional(dst, of(r), o)
	}
}

// appendOptional appends v, of which only what could break the line is escaped,
// and for none a "-" unless quotes or flag -M say otherwise.
func appendOptional(dst, v []byte, o rule.FormatOptions) []byte {
	if len(v) == 0 && !o.Quote && !o.JSON {
		if o.Bare {
			return dst
		}
		return append(dst, '-')
	}
	return appendText(dst, v, o, &cookieEscape)
}

// absent is a tag of what is not there.
func absent(dst []byte, _ *Record, o rule.FormatOptions) []byte {
	return appendOptional(dst, nil, o)
}

// agreed makes a tag of what was agreed on with a client.
func agreed(of func(*tls.Conn) string) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		v := of(r.Secured)
		if v == "" {
			return absent(dst, r, o)
		}
		return appendText(dst, v, o, &plainEscape)
	}
}

// name makes a tag of a name of the configuration.
func name(of func(*Record) string) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		return appendText(dst, of(r), o, &plainEscape)
	}
}

// addr makes a tag of an address; one of a unix socket is "unix".
func addr(of func(*Record) netip.AddrPort) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		a := of(r)
		switch {
		case !a.IsValid() && a.Port() == 0:
			return absent(dst, r, o)
		case a.IsValid() && o.Hex:
			return openRaw(rule.AppendHexAddr(openRaw(dst, o), a.Addr()), o)
		}
		return open(rule.AppendHost(open(dst, o), a), o)
	}
}

func port(of func(*Record) netip.AddrPort) tagFunc {
	return hexNumber(4, func(r *Record) int64 { return int64(of(r).Port()) })
}

// known makes a tag of a port that is missing without an address.
func known(of func(*Record) netip.AddrPort) tagFunc {
	plain := port(of)
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if a := of(r); !a.IsValid() && a.Port() == 0 {
			return absent(dst, r, o)
		}
		return plain(dst, r, o)
	}
}

func client(r *Record) netip.AddrPort { return r.Client }
func front(r *Record) netip.AddrPort  { return r.FrontAddr }

// captures makes %hr and %hs: "{a|b}", nothing without slots.
func captures(of func(*Record) [][]byte) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		list := of(r)
		if len(list) == 0 {
			return dst
		}
		inner := rule.FormatOptions{Esc: o.Esc}
		dst = append(open(dst, o), '{')
		for i, v := range list {
			if i > 0 {
				dst = append(dst, '|')
			}
			if o.JSON {
				dst = appendInJSON(dst, v, &headerEscape)
			} else {
				dst = appendText(dst, v, inner, &headerEscape)
			}
		}
		return open(append(dst, '}'), o)
	}
}

// capturesApart makes %hrl and %hsl: each value for itself.
func capturesApart(of func(*Record) [][]byte) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		list := of(r)
		if o.JSON {
			dst = append(dst, '[')
		}
		for i, v := range list {
			if i > 0 && o.JSON {
				dst = append(dst, ',')
			}
			if i > 0 {
				dst = append(dst, ' ')
			}
			if len(v) == 0 && !o.Quote && !o.JSON {
				dst = append(dst, '-')
				continue
			}
			dst = appendText(dst, v, o, &headerEscape)
		}
		if o.JSON {
			dst = append(dst, ']')
		}
		return dst
	}
}

func appendRequest(dst []byte, r *Record, o rule.FormatOptions) []byte {
	dst = open(dst, o)
	switch {
	case r.BadRequest:
		dst = append(dst, "<BADREQ>"...)
	case o.JSON:
		dst = append(appendInJSON(dst, r.Method, &plainEscape), ' ')
		dst = append(appendInJSON(dst, r.Target, &plainEscape), ' ')
		dst = append(dst, version(r)...)
	default:
		inner := rule.FormatOptions{Esc: o.Esc}
		dst = append(appendText(dst, r.Method, inner, &plainEscape), ' ')
		dst = append(appendText(dst, r.Target, inner, &plainEscape), ' ')
		dst = append(dst, version(r)...)
	}
	return open(dst, o)
}

func version(r *Record) string {
	switch r.Minor {
	case 0:
		return "HTTP/1.0"
	case 1:
		return "HTTP/1.1"
	}
	return "<BADREQ>"
}

// orBad gives <BADREQ> for a part of a request line that could not be read.
func orBad(of func(*Record) []byte) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if r.BadRequest {
			return appendText(dst, "<BADREQ>", o, &plainEscape)
		}
		return appendText(dst, of(r), o, &plainEscape)
	}
}

var ownHostname = hostname()

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "-"
	}
	return h
}

var ownPID = int64(os.Getpid())
