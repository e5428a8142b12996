package rule

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// A tag is one %name of a format in a rule. Log formats have more of them,
// since a log line is written when everything is known.
type tag struct {
	name   string
	append func(dst []byte, x *Ctx, o FormatOptions) []byte // nil: only in log formats
}

func findTag(name string) (*tag, error) {
	for i := range tagTable {
		if tagTable[i].name == name {
			if tagTable[i].append == nil {
				return nil, fmt.Errorf("format variable '%s' is known but not supported yet in rules", name)
			}
			return &tagTable[i], nil
		}
	}
	return nil, fmt.Errorf("no such format variable '%s'. If you wanted to emit the '%%' character verbatim, you need to use '%%%%'", name)
}

// tagTable is every tag that HAProxy knows in formats.
var tagTable = []tag{
	{"B", nil}, {"CC", nil}, {"CS", nil}, {"ST", nil}, {"Ta", nil}, {"Tc", nil}, {"Td", nil},
	{"Th", nil}, {"Ti", nil}, {"Tl", nil}, {"Tq", nil}, {"TR", nil}, {"Tr", nil}, {"Tt", nil}, {"Tu", nil},
	{"Tw", nil}, {"U", nil}, {"ac", nil}, {"bc", nil}, {"bi", nil}, {"bp", nil}, {"bq", nil}, {"fc", nil},
	{"hr", nil}, {"hrl", nil}, {"hs", nil}, {"hsl", nil}, {"lc", nil}, {"rc", nil}, {"sc", nil},
	{"si", nil}, {"sp", nil}, {"sq", nil}, {"trg", nil}, {"trl", nil}, {"ts", nil}, {"tsc", nil},
	{"H", func(dst []byte, _ *Ctx, o FormatOptions) []byte { return o.AppendText(dst, ownHostname) }},
	{"HM", func(dst []byte, x *Ctx, o FormatOptions) []byte {
		if x.Req == nil {
			return dst
		}
		return o.AppendText(dst, x.Req.MethodBytes())
	}},
	{"HP", func(dst []byte, x *Ctx, o FormatOptions) []byte { return appendPart(dst, x, o, targetPath) }},
	{"HPO", func(dst []byte, x *Ctx, o FormatOptions) []byte { return appendPart(dst, x, o, onlyPath) }},
	{"HQ", func(dst []byte, x *Ctx, o FormatOptions) []byte { return appendPart(dst, x, o, markedQuery) }},
	{"HU", func(dst []byte, x *Ctx, o FormatOptions) []byte { return appendPart(dst, x, o, wholeTarget) }},
	{"HV", func(dst []byte, x *Ctx, o FormatOptions) []byte {
		if x.Req == nil {
			return dst
		}
		return o.AppendText(dst, protocolText(x.Req.Minor))
	}},
	{"T", func(dst []byte, x *Ctx, _ FormatOptions) []byte {
		return x.Now.UTC().AppendFormat(dst, "02/Jan/2006:15:04:05 +0000")
	}},
	{"Ts", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendNumber(dst, x.Now.Unix()) }},
	{"b", func(dst []byte, x *Ctx, o FormatOptions) []byte {
		if x.Backend == "" {
			return o.appendString(dst, x.Frontend)
		}
		return o.appendString(dst, x.Backend)
	}},
	{"ci", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendAddr(dst, x.Src) }},
	{"cp", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendNumber(dst, int64(x.Src.Port())) }},
	{"f", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendString(dst, x.Frontend) }},
	{"fi", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendAddr(dst, x.Dst) }},
	{"fp", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendNumber(dst, int64(x.Dst.Port())) }},
	{"ft", func(dst []byte, x *Ctx, o FormatOptions) []byte {
		dst = o.appendString(dst, x.Frontend)
		if x.TLS != nil {
			dst = append(dst, '~')
		}
		return dst
	}},
	{"ms", func(dst []byte, x *Ctx, _ FormatOptions) []byte {
		ms := x.Now.Nanosecond() / int(time.Millisecond)
		return append(dst, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}},
	{"pid", func(dst []byte, _ *Ctx, o FormatOptions) []byte { return o.appendNumber(dst, int64(os.Getpid())) }},
	{"r", func(dst []byte, x *Ctx, o FormatOptions) []byte {
		if x.Req == nil {
			return dst
		}
		quote := FormatOptions{Quote: o.Quote}
		plain := FormatOptions{Esc: o.Esc}
		if quote.Quote {
			dst = append(dst, '"')
		}
		dst = append(plain.AppendText(dst, x.Req.MethodBytes()), ' ')
		dst = append(plain.appendLogged(dst, x.Req.Target()), ' ')
		dst = append(append(dst, http11[:7]...), '0'+x.Req.Minor)
		if quote.Quote {
			dst = append(dst, '"')
		}
		return dst
	}},
	{"ID", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.AppendText(dst, x.UniqueID) }},
	{"rt", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendNumber(dst, int64(x.Number)) }},
	{"s", func(dst []byte, x *Ctx, o FormatOptions) []byte {
		if x.Server == "" {
			return o.appendString(dst, "<NOSRV>")
		}
		return o.appendString(dst, x.Server)
	}},
	{"sslc", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendString(dst, Cipher(x.TLS)) }},
	{"sslv", func(dst []byte, x *Ctx, o FormatOptions) []byte { return o.appendString(dst, Protocol(x.TLS)) }},
	{"t", func(dst []byte, x *Ctx, _ FormatOptions) []byte { return appendStamp(dst, x.Now) }},
	{"tr", func(dst []byte, x *Ctx, _ FormatOptions) []byte { return appendStamp(dst, x.Now) }},
}

var (
	http10      = []byte("HTTP/1.0")
	http11      = []byte("HTTP/1.1")
	ownHostname = hostname()
)

func hostname() []byte {
	name, err := os.Hostname()
	if err != nil {
		return []byte("-")
	}
	return []byte(name)
}

func appendStamp(dst []byte, t time.Time) []byte {
	return t.AppendFormat(dst, "02/Jan/2006:15:04:05.000")
}

func (o FormatOptions) appendString(dst []byte, s string) []byte {
	if o.Quote {
		dst = append(dst, '"')
	}
	dst = append(dst, s...)
	if o.Quote {
		dst = append(dst, '"')
	}
	return dst
}

func (o FormatOptions) appendNumber(dst []byte, n int64) []byte {
	if !o.Hex {
		return strconv.AppendInt(dst, n, 10)
	}
	return AppendHex(dst, uint64(n), 4)
}

func (o FormatOptions) appendAddr(dst []byte, a netip.AddrPort) []byte {
	if a.IsValid() && o.Hex {
		return AppendHexAddr(dst, a.Addr())
	}
	return AppendHost(dst, a)
}

// AppendHost appends an end of a connection without its port: "unix" for one of
// a unix socket, whose port is the number of its bind, "-" for none.
func AppendHost(dst []byte, a netip.AddrPort) []byte {
	switch {
	case a.IsValid():
		return a.Addr().Unmap().AppendTo(dst)
	case a.Port() > 0:
		return append(dst, "unix"...)
	}
	return append(dst, '-')
}

// AppendHex appends n in upper-case hexadecimal with at least width digits.
func AppendHex(dst []byte, n uint64, width int) []byte {
	const digits = "0123456789ABCDEF"
	for width < 16 && n>>(4*width) != 0 {
		width++
	}
	for i := width - 1; i >= 0; i-- {
		dst = append(dst, digits[n>>(4*i)&15])
	}
	return dst
}

// AppendHexAddr appends an address as the +X flag shows it: its bytes.
func AppendHexAddr(dst []byte, a netip.Addr) []byte {
	a = a.Unmap()
	if a.Is4() {
		for _, b := range a.As4() {
			dst = AppendHex(dst, uint64(b), 2)
		}
		return dst
	}
	for _, b := range a.As16() {
		dst = AppendHex(dst, uint64(b), 2)
	}
	return dst
}

// A targetPart picks a part of the request target for %HU and its kin.
type targetPart uint8

const (
	wholeTarget targetPart = iota
	targetPath             // up to the query
	onlyPath               // the same without scheme and authority
	markedQuery            // the query with its question mark
)

func appendPart(dst []byte, x *Ctx, o FormatOptions, part targetPart) []byte {
	if x.Req == nil {
		return dst
	}
	t := x.Req.Target()
	q := x.Req.Query()
	switch {
	case part == markedQuery && q == nil:
		t = nil
	case part == markedQuery:
		t = t[len(t)-len(q)-1:]
	case part == targetPath && q != nil:
		t = t[:len(t)-len(q)-1]
	case part == onlyPath:
		t = x.Req.Path()
	}
	return o.appendLogged(dst, t)
}

// appendLogged appends a part of a message as log formats show it: bytes that
// are not printable, quotes and # as #XX.
func (o FormatOptions) appendLogged(dst, v []byte) []byte {
	for i, c := range v {
		if c < ' ' || c >= 0x7f || c == '"' || c == '#' {
			dst = o.AppendText(dst, v[:i])
			if o.Quote {
				dst = dst[:len(dst)-1]
			}
			dst = AppendHex(append(dst, '#'), uint64(c), 2)
			rest := FormatOptions{Esc: o.Esc}
			dst = rest.appendLogged(dst, v[i+1:])
			if o.Quote {
				dst = append(dst, '"')
			}
			return dst
		}
	}
	return o.AppendText(dst, v)
}
