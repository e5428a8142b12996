package balance

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// The primes of xxHash (specification: xxHash fast digest algorithm).
const (
	prime32a, prime32b, prime32c, prime32d, prime32e = 2654435761, 2246822519, 3266489917, 668265263, 374761393
)

// XXH64 is xxHash's 64-bit digest of p: HAProxy's value of a dynamic cookie.
func XXH64(p []byte, seed uint64) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(seed)
	_, _ = d.Write(p) // a digest takes all
	return d.Sum64()
}

// XXH32 is xxHash's 32-bit digest of an input of at least 16 bytes, and of any
// shorter one.
func XXH32(p []byte, seed uint32) uint32 {
	h := seed + prime32e
	n := uint32(len(p))
	if len(p) >= 16 {
		a, b, c, d := seed+prime32a, seed+prime32b, seed, seed
		a += prime32b
		d -= prime32a
		for ; len(p) >= 16; p = p[16:] {
			a = round32(a, binary.LittleEndian.Uint32(p))
			b = round32(b, binary.LittleEndian.Uint32(p[4:]))
			c = round32(c, binary.LittleEndian.Uint32(p[8:]))
			d = round32(d, binary.LittleEndian.Uint32(p[12:]))
		}
		h = bits.RotateLeft32(a, 1) + bits.RotateLeft32(b, 7) + bits.RotateLeft32(c, 12) + bits.RotateLeft32(d, 18)
	}
	h += n
	for ; len(p) >= 4; p = p[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(p)*prime32c, 17) * prime32d
	}
	for _, c := range p {
		h = bits.RotateLeft32(h+uint32(c)*prime32e, 11) * prime32a
	}
	h = (h ^ h>>15) * prime32b
	h = (h ^ h>>13) * prime32c
	return h ^ h>>16
}

func round32(acc, v uint32) uint32 {
	return bits.RotateLeft32(acc+v*prime32b, 13) * prime32a
}
