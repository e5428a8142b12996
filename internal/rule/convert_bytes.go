package rule

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
)

// numbersOf makes be2dec and le2dec: every args[1] bytes are a number, with
// args[0] between; args[2] drops what is left over.
func numbersOf(number func([]byte) uint64) evalFunc {
	return func(x *Ctx, args []arg, s *Sample) bool {
		b, size := s.binary(x), int(args[1].num)
		at := len(x.Scratch)
		for first := true; len(b) > 0; first = false {
			n := min(size, len(b))
			if n < size && len(args) > 2 && args[2].num != 0 {
				break
			}
			if !first {
				x.Scratch = append(x.Scratch, args[0].text...)
			}
			x.Scratch = strconv.AppendUint(x.Scratch, number(b[:n]), 10)
			b = b[n:]
		}
		return s.setBytes(x.Scratch[at:])
	}
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func littleEndian(b []byte) (n uint64) {
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

func checkBe2dec(args []arg) error {
	if n := args[1].num; n < 1 || n > 8 {
		return errors.New("chunk_size value must be less then 8 and greater than 0")
	}
	return checkTruncate(args)
}

func checkTruncate(args []arg) error {
	if len(args) > 2 && args[2].num != 0 && args[2].num != 1 {
		return errors.New("Unsupported truncate flag")
	}
	return nil
}

func checkBe2hex(args []arg) error {
	if len(args) > 0 && args[0].text != "" && (len(args) < 2 || args[1].num == 0) {
		return errors.New("chunk_size value must be positive if separator is specified")
	}
	if len(args) > 1 && args[1].num < 0 {
		return errors.New("chunk_size value must be positive")
	}
	return checkTruncate(args)
}

func convBe2hex(x *Ctx, args []arg, s *Sample) bool {
	b, size, truncate := s.binary(x), 0, false
	if len(args) > 1 {
		size = int(args[1].num)
	}
	if len(args) > 2 {
		truncate = args[2].num != 0
	}
	if size == 0 {
		size = max(len(b), 1)
	}
	at := len(x.Scratch)
	for first := true; len(b) > 0; first = false {
		n := min(size, len(b))
		if n < size && truncate {
			break
		}
		if !first {
			x.Scratch = append(x.Scratch, args[0].text...)
		}
		from := len(x.Scratch)
		x.Scratch = hex.AppendEncode(x.Scratch, b[:n])
		for i, c := range x.Scratch[from:] {
			if c >= 'a' {
				x.Scratch[from+i] = c &^ 0x20
			}
		}
		b = b[n:]
	}
	return s.setBytes(x.Scratch[at:])
}

func convHtonl(x *Ctx, _ []arg, s *Sample) bool {
	n, ok := s.number()
	if !ok {
		return false
	}
	at := len(x.Scratch)
	x.Scratch = binary.BigEndian.AppendUint32(x.Scratch, uint32(n))
	s.Kind, s.Bytes = KindBin, x.Scratch[at:]
	return true
}

func convHasCtl(x *Ctx, _ []arg, s *Sample) bool {
	for _, c := range s.bytes(x) {
		if c < ' ' {
			return s.setBool(true)
		}
	}
	return s.setBool(false)
}

// convURLEnc writes all but the unreserved bytes of RFC 3986 as %XX.
func convURLEnc(x *Ctx, _ []arg, s *Sample) bool {
	b := s.bytes(x)
	at := len(x.Scratch)
	for _, c := range b {
		if isAlnum(c) || isOneOf(c, "-_.~") {
			x.Scratch = append(x.Scratch, c)
		} else {
			x.Scratch = AppendHex(append(x.Scratch, '%'), uint64(c), 2)
		}
	}
	return s.setBytes(x.Scratch[at:])
}

func checkURLEnc(args []arg) error {
	if len(args) > 0 && args[0].text != "" && args[0].text != "query" {
		return errors.New("Unexpected encode type. Allowed value is 'query'")
	}
	return nil
}
