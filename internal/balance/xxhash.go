package balance

import (
	"encoding/binary"
	"math/bits"
)

// The primes of xxHash (specification: xxHash fast digest algorithm).
const (
	prime32a, prime32b, prime32c, prime32d, prime32e = 2654435761, 2246822519, 3266489917, 668265263, 374761393
	prime64a, prime64b, prime64c, prime64d, prime64e = 11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261
)

// XXH64 is xxHash's 64-bit digest of p: HAProxy's value of a dynamic cookie.
func XXH64(p []byte, seed uint64) uint64 {
	h := seed + prime64e
	n := uint64(len(p))
	if len(p) >= 32 {
		a, b, c, d := seed+prime64a, seed+prime64b, seed, seed
		a += prime64b // in two steps: a constant sum would overflow
		d -= prime64a
		for ; len(p) >= 32; p = p[32:] {
			a = round64(a, binary.LittleEndian.Uint64(p))
			b = round64(b, binary.LittleEndian.Uint64(p[8:]))
			c = round64(c, binary.LittleEndian.Uint64(p[16:]))
			d = round64(d, binary.LittleEndian.Uint64(p[24:]))
		}
		h = bits.RotateLeft64(a, 1) + bits.RotateLeft64(b, 7) + bits.RotateLeft64(c, 12) + bits.RotateLeft64(d, 18)
		for _, v := range [...]uint64{a, b, c, d} {
			h = (h^round64(0, v))*prime64a + prime64d
		}
	}
	h += n
	for ; len(p) >= 8; p = p[8:] {
		h = bits.RotateLeft64(h^round64(0, binary.LittleEndian.Uint64(p)), 27)*prime64a + prime64d
	}
	if len(p) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(p))*prime64a, 23)*prime64b + prime64c
		p = p[4:]
	}
	for _, c := range p {
		h = bits.RotateLeft64(h^uint64(c)*prime64e, 11) * prime64a
	}
	h = (h ^ h>>33) * prime64b
	h = (h ^ h>>29) * prime64c
	return h ^ h>>32
}

func round64(acc, v uint64) uint64 {
	return bits.RotateLeft64(acc+v*prime64b, 31) * prime64a
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
