package wire

import "encoding/binary"

// appendFrame writes a frame, masked with a key of zeros or not masked.
func appendFrame(dst []byte, fin bool, op uint8, payload []byte, masked bool) []byte {
	first, mask := op, byte(0)
	if fin {
		first |= 0x80
	}
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, mask|127), uint64(n))
	}
	if masked {
		dst = append(dst, 0, 0, 0, 0)
	}
	return append(dst, payload...)
}
