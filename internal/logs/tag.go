package logs

import (
	"net/netip"
	"os"
	"strconv"

	"bascule/internal/rule"
)

// A tag is one %name of a log format.
type tag struct {
	name   string
	append tagFunc // nil: planned
	omits  bool
	text   string
}

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
		list[i] = rule.Keyword{Name: "%" + t.name, Kind: "log tag", Usage: "%" + t.name, Text: t.text, Planned: t.append == nil}
		if t.append != nil {
			list[i].Example = "log-format %" + t.name
		}
	}
	return list
}

// number makes a tag of an integer.
func number(of func(*Record) int64) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		if o.Hex {
			return rule.AppendHex(dst, uint64(of(r)), 4)
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

// soFar makes a tag of an integer that has a + in front when it may still grow
// (option logasap).
func soFar(of func(*Record) int64) tagFunc {
	return func(dst []byte, r *Record, _ rule.FormatOptions) []byte {
		if r.ASAP {
			dst = append(dst, '+')
		}
		return appendInt(dst, of(r))
	}
}

// cookie makes a tag of a captured cookie; none becomes "-". HAProxy writes
// them as they came; only what could break the line is escaped.
func cookie(of func(*Record) []byte) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		v := of(r)
		if len(v) == 0 {
			return append(dst, '-')
		}
		return appendText(dst, v, o, &cookieEscape)
	}
}

// name makes a tag of a name of the configuration.
func name(of func(*Record) string) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		return appendText(dst, of(r), o, &plainEscape)
	}
}

func addr(of func(*Record) netip.AddrPort) tagFunc {
	return func(dst []byte, r *Record, o rule.FormatOptions) []byte {
		a := of(r)
		switch {
		case !a.IsValid():
			return append(dst, '-')
		case o.Hex:
			return rule.AppendHexAddr(dst, a.Addr())
		}
		return a.Addr().Unmap().AppendTo(dst)
	}
}

func port(of func(*Record) netip.AddrPort) tagFunc {
	return number(func(r *Record) int64 { return int64(of(r).Port()) })
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
		if o.Quote {
			dst = append(dst, '"')
		}
		dst = append(dst, '{')
		for i, v := range list {
			if i > 0 {
				dst = append(dst, '|')
			}
			dst = appendEscaped(dst, v, &headerEscape)
		}
		dst = append(dst, '}')
		if o.Quote {
			dst = append(dst, '"')
		}
		return dst
	}
}

func appendRequest(dst []byte, r *Record, o rule.FormatOptions) []byte {
	if o.Quote {
		dst = append(dst, '"')
	}
	if r.BadRequest {
		dst = append(dst, "<BADREQ>"...)
	} else {
		inner := rule.FormatOptions{Esc: o.Esc}
		dst = append(appendText(dst, r.Method, inner, &plainEscape), ' ')
		dst = append(appendText(dst, r.Target, inner, &plainEscape), ' ')
		dst = append(dst, version(r)...)
	}
	if o.Quote {
		dst = append(dst, '"')
	}
	return dst
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
