package wire

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes, one table look-up each.
const (
	classToken uint8 = 1 << iota // tchar (RFC 9110 §5.6.2)
	classHost                    // reg-name (RFC 3986 §3.2.2)
)

var class = classes()

func classes() (t [256]uint8) {
	mark := func(set string, bit uint8) {
		for i := range len(set) {
			t[set[i]] |= bit
		}
	}
	const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(alnum+"!#$%&'*+-.^_`|~", classToken)
	mark(alnum+"-._~%!$&'()*+,;=", classHost)
	return t
}

// hexDigit gives the value of a hexadecimal digit, 0xff for other bytes.
var hexDigit = hexDigits()

func hexDigits() (t [256]uint8) {
	for c := range t {
		switch b := lower(byte(c)); {
		case '0' <= b && b <= '9':
			t[c] = b - '0'
		case 'a' <= b && b <= 'f':
			t[c] = b - 'a' + 10
		default:
			t[c] = 0xff
		}
	}
	return t
}

func isToken(b []byte) bool {
	for _, c := range b {
		if class[c]&classToken == 0 {
			return false
		}
	}
	return len(b) > 0
}

// Eight bytes at a time: each constant repeats one byte.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// below marks the bytes of w under n (n <= 0x80); only the lowest mark is exact.
func below(w, n uint64) uint64 { return (w - ones*n) &^ w & highs }

// equal marks the bytes of w that are c; only the lowest mark is exact.
func equal(w, c uint64) uint64 { return below(w^ones*c, 1) }

// notName marks the bytes of w that are neither a letter nor '-', which is what
// most names consist of; only the lowest mark is exact.
func notName(w uint64) uint64 {
	low := w | 0x20*ones
	letter := (low + (0x80-'a')*ones) &^ (low + (0x7f-'z')*ones)
	dash := ^((w ^ '-'*ones) + 0x7f*ones)
	return (^(letter | dash) | w) & highs
}

// scanName gives the index of the first byte from i on that does not belong in
// a token, or len(b).
func scanName(b []byte, i int) int {
	for {
		for i+8 <= len(b) {
			m := notName(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) || class[b[i]]&classToken == 0 {
			return i
		}
		i++
	}
}

// scanValue gives the index of the first byte from i on that does not belong in
// a field value (RFC 9110 §5.5: a control byte other than HTAB), or len(b).
func scanValue(b []byte, i int) int {
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			// Under 0x20, or from 0x7f on.
			if m := ((w-0x20*ones)&^w | (w + ones)) & highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(b) || b[i] < 0x20 && b[i] != '\t' || b[i] == 0x7f {
			return i
		}
		i++
	}
}

// scanTarget gives the index of the first byte from i on that does not belong
// in a request target: a space, a control byte, '#', or a byte from 0x80 on.
// Relaxed lets the last two pass.
func scanTarget(b []byte, i int, relaxed bool) int {
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if m := below(w, 0x21) | equal(w, 0x7f) | equal(w, '#') | w&highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				goto stop
			}
			i += 8
		}
		for i < len(b) && b[i] > 0x20 && b[i] < 0x7f && b[i] != '#' {
			i++
		}
	stop:
		if i >= len(b) || !relaxed || b[i] != '#' && b[i] < 0x80 {
			return i
		}
		i++
	}
}

// equalLower compares a token with a name of lower-case letters, digits and '-'.
func equalLower(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		if b[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// equalFold compares in any case, ASCII only.
func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// blank turns control bytes into spaces, so that a value that was computed
// from a request cannot end its line (RFC 9110 §5.5).
func blank(value []byte) {
	for i := scanValue(value, 0); i < len(value); i = scanValue(value, i) {
		value[i] = ' '
	}
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// element cuts the first element off a comma-separated list (RFC 9110 §5.6.1).
func element(list []byte) (first, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}
