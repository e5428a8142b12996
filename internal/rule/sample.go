package rule

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"unsafe"

	"bascule/internal/wire"
)

// A Kind is the type of a sample.
type Kind uint8

// The kinds of sample.
const (
	KindNone Kind = iota
	KindBool      // Int is 0 or 1
	KindInt
	KindAddr
	KindStr
	KindBin
	KindMethod // Bytes is the method's name
)

func (k Kind) String() string {
	return [...]string{"none", "boolean", "integer", "address", "string", "binary", "method"}[k]
}

// A Sample is one value taken from a stream. Bytes belong to the message, to
// the configuration or to Ctx.Scratch and are valid until the next evaluation.
type Sample struct {
	Kind  Kind
	Int   int64
	Addr  netip.Addr
	Bytes []byte

	// An ACL looks at every occurrence: it sets all, the fetch keeps its place
	// in field and off and sets more while another occurrence may follow.
	all, more  bool
	begun      bool
	field, off int
}

func (s *Sample) setBool(v bool) bool {
	s.Kind, s.Int = KindBool, 0
	if v {
		s.Int = 1
	}
	return true
}

func (s *Sample) setInt(v int64) bool { s.Kind, s.Int = KindInt, v; return true }

func (s *Sample) setBin(v []byte) bool { s.Kind, s.Bytes = KindBin, v; return true }

func (s *Sample) setBytes(v []byte) bool { s.Kind, s.Bytes = KindStr, v; return true }

// setText needs Scratch: a string's bytes cannot be borrowed without a copy.
func (s *Sample) setText(x *Ctx, v string) bool {
	at := len(x.Scratch)
	x.Scratch = append(x.Scratch, v...)
	return s.setBytes(x.Scratch[at:])
}

func (s *Sample) setAddr(v netip.Addr) bool {
	s.Kind, s.Addr = KindAddr, v
	return v.IsValid()
}

// bytes is the sample as text, as HAProxy casts it: numbers in decimal, truth
// as 1 and 0.
func (s *Sample) bytes(x *Ctx) []byte {
	at := len(x.Scratch)
	switch s.Kind {
	case KindBool, KindInt:
		x.Scratch = strconv.AppendInt(x.Scratch, s.Int, 10)
	case KindAddr:
		x.Scratch = s.Addr.AppendTo(x.Scratch)
	default:
		return s.Bytes
	}
	return x.Scratch[at:]
}

// binary is the sample as bytes, as HAProxy casts it: numbers and truth as
// eight bytes, big end first, addresses as they are sent.
func (s *Sample) binary(x *Ctx) []byte {
	at := len(x.Scratch)
	switch s.Kind {
	case KindBool, KindInt:
		x.Scratch = binary.BigEndian.AppendUint64(x.Scratch, uint64(s.Int))
	case KindAddr:
		if a := s.Addr.Unmap(); a.Is4() {
			b := a.As4()
			x.Scratch = append(x.Scratch, b[:]...)
		} else {
			b := a.As16()
			x.Scratch = append(x.Scratch, b[:]...)
		}
	default:
		return s.Bytes
	}
	return x.Scratch[at:]
}

// number is the sample as an integer: of text its leading decimal number, 0
// when it has none, as HAProxy casts it. Addresses of IPv6 and empty texts have
// none at all.
func (s *Sample) number() (int64, bool) { return asInt(s.Kind, s.Int, s.Addr, s.Bytes) }

func asInt(kind Kind, num int64, addr netip.Addr, text []byte) (int64, bool) {
	switch kind {
	case KindBool, KindInt:
		return num, true
	case KindAddr:
		if !addr.Is4() {
			return 0, false
		}
		b := addr.As4()
		return int64(b[0])<<24 | int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3]), true
	}
	return leadingInt(text), len(text) > 0
}

// truth is the sample as a boolean.
func (s *Sample) truth() bool {
	n, ok := s.number()
	return ok && n != 0
}

// addr is the sample as an address.
func (s *Sample) addr() (netip.Addr, bool) {
	switch s.Kind {
	case KindAddr:
		return s.Addr, true
	case KindBool, KindInt:
		v := uint32(s.Int)
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
	}
	b := s.Bytes
	if i := bytes.IndexByte(b, ':'); i > 0 && bytes.IndexByte(b[:i], '.') > 0 {
		b = b[:i] // an IPv4 address may have a port
	}
	return parseAddr(b)
}

// leadingInt reads an optional sign and the decimal digits that b begins with;
// beyond the range of an int64 it gives the largest or smallest one.
func leadingInt(b []byte) int64 {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg, b = b[0] == '-', b[1:]
	}
	v := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		digit := int64(c - '0')
		if v > (math.MaxInt64-digit)/10 {
			v = math.MaxInt64
			if neg {
				v = math.MinInt64
			}
			return v
		}
		v = v*10 + digit
	}
	if neg {
		return -v
	}
	return v
}

// longestAddr bounds the text of an address: IPv6 with an embedded IPv4.
const longestAddr = 45

// parseAddr reads an address without zone, without allocating.
func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) == 0 || len(b) > longestAddr {
		return netip.Addr{}, false
	}
	v4 := true
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c == '.':
		case c == ':', c|0x20 >= 'a' && c|0x20 <= 'f':
			v4 = false
		default:
			return netip.Addr{}, false // also keeps netip from making an error, which allocates
		}
	}
	if v4 {
		return parseIPv4(b)
	}
	// netip keeps the string only in an error, which is dropped here
	a, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

func parseIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	part, value, digits := 0, 0, 0
	for _, c := range b {
		if c == '.' {
			if digits == 0 || part == 3 {
				return netip.Addr{}, false
			}
			a[part] = byte(value)
			part, value, digits = part+1, 0, 0
			continue
		}
		value, digits = value*10+int(c-'0'), digits+1
		if value > 255 || digits > 3 {
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	a[3] = byte(value)
	return netip.AddrFrom4(a), true
}

// requestHead is the request while its head may be looked at: not in response
// rules, where HAProxy has given its buffer away.
func (x *Ctx) requestHead() *wire.Request {
	if x.Res != nil {
		return nil
	}
	return x.Req
}
