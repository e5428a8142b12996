package rule

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
)

// appendLower appends b in ASCII lower case.
func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func convLower(x *Ctx, _ []arg, s *Sample) bool {
	b := s.bytes(x)
	at := len(x.Scratch)
	x.Scratch = appendLower(x.Scratch, b)
	return s.setBytes(x.Scratch[at:])
}

func convUpper(x *Ctx, _ []arg, s *Sample) bool {
	b := s.bytes(x)
	at := len(x.Scratch)
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			c &^= 0x20
		}
		x.Scratch = append(x.Scratch, c)
	}
	return s.setBytes(x.Scratch[at:])
}

func convLength(x *Ctx, _ []arg, s *Sample) bool { return s.setInt(int64(len(s.bytes(x)))) }

// convBytes cuts; an offset behind the end gives nothing.
func convBytes(x *Ctx, args []arg, s *Sample) bool {
	b := s.binary(x)
	off := args[0].num
	if off < 0 || off > int64(len(b)) {
		return false
	}
	b = b[off:]
	if len(args) > 1 {
		if n := args[1].num; n >= 0 && n < int64(len(b)) {
			b = b[:n]
		}
	}
	s.Kind, s.Bytes = KindBin, b
	return true
}

func convConcat(x *Ctx, args []arg, s *Sample) bool {
	b := s.bytes(x)
	at := len(x.Scratch)
	x.Scratch = append(x.Scratch, b...)
	if len(args) > 0 {
		x.Scratch = append(x.Scratch, args[0].text...)
	}
	if len(args) > 1 {
		if v := x.Vars.find(args[1].text); v != nil {
			x.Scratch = v.appendTo(x.Scratch)
		}
	}
	if len(args) > 2 {
		x.Scratch = append(x.Scratch, args[2].text...)
	}
	return s.setBytes(x.Scratch[at:])
}

// convHex writes bytes in hexadecimal.
func convHex(x *Ctx, _ []arg, s *Sample) bool {
	b := s.binary(x)
	at := len(x.Scratch)
	x.Scratch = hex.AppendEncode(x.Scratch, b)
	upper := x.Scratch[at:]
	for i, c := range upper {
		if c >= 'a' {
			upper[i] = c &^ 0x20
		}
	}
	return s.setBytes(upper)
}

// toBase64 makes a converter that encodes.
func toBase64(alphabet *base64.Encoding) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		b := s.binary(x)
		at := len(x.Scratch)
		x.Scratch = alphabet.AppendEncode(x.Scratch, b)
		return s.setBytes(x.Scratch[at:])
	}
}

// fromBase64 makes a converter that decodes; it fails on what is not base64.
func fromBase64(alphabet *base64.Encoding) evalFunc {
	return func(x *Ctx, _ []arg, s *Sample) bool {
		b := s.bytes(x)
		at := len(x.Scratch)
		out, err := alphabet.AppendDecode(x.Scratch, b)
		if err != nil {
			return false
		}
		x.Scratch = out
		s.Kind, s.Bytes = KindBin, out[at:]
		return true
	}
}

func convCutCRLF(x *Ctx, _ []arg, s *Sample) bool {
	b := s.bytes(x)
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		b = b[:i]
	}
	return s.setBytes(b)
}

func convLtrim(x *Ctx, args []arg, s *Sample) bool {
	b := s.bytes(x)
	for len(b) > 0 && strings.IndexByte(args[0].text, b[0]) >= 0 {
		b = b[1:]
	}
	return s.setBytes(b)
}

func convRtrim(x *Ctx, args []arg, s *Sample) bool {
	b := s.bytes(x)
	for len(b) > 0 && strings.IndexByte(args[0].text, b[len(b)-1]) >= 0 {
		b = b[:len(b)-1]
	}
	return s.setBytes(b)
}

func convIif(_ *Ctx, args []arg, s *Sample) bool {
	n, ok := s.number()
	if ok && n != 0 {
		return s.setBytes(args[0].bytes)
	}
	return ok && s.setBytes(args[1].bytes)
}

func convStrcmp(x *Ctx, args []arg, s *Sample) bool {
	v := x.Vars.find(args[0].text)
	if v == nil {
		return false
	}
	b := s.bytes(x)
	at := len(x.Scratch)
	x.Scratch = v.appendTo(x.Scratch)
	return s.setInt(difference(b, x.Scratch[at:]))
}

// difference is that of the first bytes that differ, or which is longer.
func difference(a, b []byte) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int64(a[i]) - int64(b[i])
		}
	}
	return int64(cmp.Compare(len(a), len(b)))
}

func convRegsub(x *Ctx, args []arg, s *Sample) bool {
	flags := ""
	if len(args) > 2 {
		flags = args[2].text
	}
	re, rest := args[0].re, args[0].rest[0]
	if strings.Contains(flags, "i") {
		re, rest = args[0].fold, args[0].rest[1]
	}
	b := s.bytes(x)
	at := len(x.Scratch)
	x.Scratch = replaceMatches(x.Scratch, b, re, rest, args[1].text, strings.Contains(flags, "g"))
	return s.setBytes(x.Scratch[at:])
}

// convHostOnly and convPortOnly split a Host value (RFC 9110 §7.2).
func convHostOnly(x *Ctx, _ []arg, s *Sample) bool {
	b := s.bytes(x)
	if i := bytes.LastIndexByte(b, ':'); i > bytes.LastIndexByte(b, ']') {
		b = b[:i]
	}
	s.Kind, s.Bytes = KindStr, b
	return convLower(x, nil, s)
}

func convPortOnly(x *Ctx, _ []arg, s *Sample) bool {
	_, p := cutHostPort(s.bytes(x))
	return s.setInt(leadingInt(p))
}

func cutHostPort(b []byte) (name, port []byte) {
	i := len(b)
	for i > 0 && b[i-1] >= '0' && b[i-1] <= '9' {
		i--
	}
	if i > 0 && b[i-1] == ':' {
		return b[:i-1], b[i:]
	}
	return b, nil
}

var twoOrOneMask = signature{min: 1, kinds: []argKind{argMask4, argMask6}}

func convIPMask(_ *Ctx, args []arg, s *Sample) bool {
	a, ok := s.addr()
	if a = a.Unmap(); !ok {
		return false
	}
	bits := args[0].num
	if !a.Is4() {
		if len(args) < 2 {
			return false
		}
		bits = args[1].num
	}
	p, err := a.Prefix(int(bits))
	return err == nil && s.setAddr(p.Addr())
}

// parseMask reads a mask of so many bits: a number, or an address whose ones
// come first.
func parseMask(text string, bits int) (int64, bool) {
	n := leadingInt([]byte(text))
	if isPort([]byte(text)) && n <= int64(bits) {
		return n, true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.BitLen() != bits {
		return 0, false
	}
	for ones := 0; ones <= bits; ones++ {
		full := netip.AddrFrom4([4]byte{255, 255, 255, 255})
		if bits == 128 {
			full = netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
		}
		if p, err := full.Prefix(ones); err == nil && p.Addr() == a {
			return int64(ones), true
		}
	}
	return 0, false
}

// convURLDec decodes %XX; a plus is a blank behind a question mark, or
// everywhere when args[0] is not 0. Broken escapes make it fail.
func convURLDec(x *Ctx, args []arg, s *Sample) bool {
	b := s.bytes(x)
	form := len(args) > 0 && args[0].num != 0
	at := len(x.Scratch)
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '?':
			form = true
		case c == '%':
			if i+2 >= len(b) {
				return false
			}
			hi, ok1 := unhex(b[i+1])
			lo, ok2 := unhex(b[i+2])
			if !ok1 || !ok2 {
				return false
			}
			c = hi<<4 | lo
			i += 2
		}
		x.Scratch = append(x.Scratch, c)
	}
	return s.setBytes(x.Scratch[at:])
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
