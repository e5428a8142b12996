package balance

import (
	"hash/crc32"
	"math"
	"math/bits"
)

// A Func is a hash function of the "hash-type" keyword.
type Func uint8

// The functions that "hash-type" names. SDBM is the default; None takes the key
// as the decimal number of the hash.
const (
	SDBM Func = iota
	DJB2
	WT6
	CRC32
	None
)

// Hash is f's hash of key, without the avalanche step. HAProxy adds Avalanche
// where the word "avalanche" says so, and where "hash-type consistent" names no
// function.
func Hash(f Func, key []byte) uint32 {
	switch f {
	case DJB2:
		return djb2(key)
	case WT6:
		return wt6(key)
	case CRC32:
		return crc32.ChecksumIEEE(key)
	case None:
		return leadingInt(key)
	default:
		return sdbm(key)
	}
}

// Avalanche spreads h over all 32 bits: the finishing step of "hash-type ...
// avalanche", and what turns a server's key into its points on the ring. It is
// Bob Jenkins' full avalanche (burtleburtle.net/bob/hash/integer.html) times a
// large odd number, and thus a permutation: distinct keys stay distinct.
func Avalanche(h uint32) uint32 {
	h = h + 0x7ed55d16 + h<<12
	h = h ^ 0xc761c23c ^ h>>19
	h = h + 0x165667b1 + h<<5
	h = (h + 0xd3a2646c) ^ h<<9
	h = h + 0xfd7046c5 + h<<3
	h = h ^ 0xb55a4f09 ^ h>>16
	return h * 0xc0000001
}

// sdbm is the hash of the sdbm database: h = c + 65599 h.
func sdbm(key []byte) uint32 {
	var h uint32
	for _, c := range key {
		h = uint32(c) + h*65599
	}
	return h
}

// djb2 is Bernstein's hash: h = c + 33 h from 5381.
func djb2(key []byte) uint32 {
	h := uint32(5381)
	for _, c := range key {
		h = uint32(c) + h*33
	}
	return h
}

// wt6 keeps two words that each byte turns by amounts taken from their own bits
// and swaps; its result is their difference in bits.
func wt6(key []byte) uint32 {
	a, b := uint32(0xa53c965a), uint32(0x5ca6953a)
	turnB, turnA := 6, 18
	for _, c := range key {
		a, b = ^(a ^ uint32(c)), ^(b + uint32(c))
		a, b = bits.RotateLeft32(b, turnB), bits.RotateLeft32(a, turnA)
		mix := (a>>16 ^ b) & 0xffff
		turnB, turnA = int(mix&0x1f), int(mix>>11)
	}
	return a ^ b
}

// leadingInt reads the signed decimal number that key begins with, bounded to 64
// bits, and keeps its low 32 bits: "hash-type ... none". Anything else is 0.
func leadingInt(key []byte) uint32 {
	negative := false
	if len(key) > 0 && (key[0] == '-' || key[0] == '+') {
		negative = key[0] == '-'
		key = key[1:]
	}
	var n uint64
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	for _, c := range key {
		if c < '0' || c > '9' {
			break
		}
		digit := uint64(c - '0')
		if n > (limit-digit)/10 {
			n = limit
			break
		}
		n = n*10 + digit
	}
	if negative {
		return uint32(-n)
	}
	return uint32(n)
}
