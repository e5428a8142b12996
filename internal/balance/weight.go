package balance

import (
	"slices"
	"time"
)

// WeightScale is the number of effective weight units in one unit of the
// "weight" keyword. HAProxy uses 16, so that a server of weight 1 can be ramped
// up by slowstart in 16 steps; on the ring it is the number of points per unit.
const WeightScale = 16

// MaxWeight is the greatest value of the "weight" keyword.
const MaxWeight = 256

// maxEffective is the greatest effective weight, and with it the distance
// between the ring keys of two consecutive server ids: points of two servers
// never share a key unless their ids are equal modulo 2^20.
const maxEffective = MaxWeight * WeightScale

// An Entry is one server of a backend as a Ring or a Table sees it.
type Entry struct {
	// ID is the server's "id", given in the file or counted from 1 in its order.
	ID uint32
	// Weight is the effective weight (see Effective): 0 means that the server
	// takes no new requests, and it then occupies no place.
	Weight int
	// Key is the start of the server's points on the ring, for "hash-key"
	// addr, addr-port and the like; 0 stands for the default "hash-key id".
	Key uint32
}

// IDs completes the ids of a backend's servers, in the order of the file: given
// holds what each server's "id" says, 0 for none. A server without one has the
// lowest id from 1 that no other server has.
func IDs(given []uint32) []uint32 {
	taken := make(map[uint32]bool, len(given))
	for _, id := range given {
		taken[id] = true
	}
	ids, free := slices.Clone(given), uint32(1)
	for i, id := range ids {
		if id != 0 {
			continue
		}
		for taken[free] {
			free++
		}
		ids[i] = free
		free++
	}
	return ids
}

// Effective is the effective weight of a server whose "weight" is w, once it is
// past slowstart.
func Effective(w int) int { return w * WeightScale }

// Ramp is the effective weight of a server whose "weight" is w, elapsed after it
// came up with "slowstart": one part in 16 at once, one more with every part of
// slowstart that has passed, until it is Effective(w). As in HAProxy both count
// in whole seconds, slowstart rounded up.
func Ramp(w int, elapsed, slowstart time.Duration) int {
	ramp := int((slowstart + time.Second - 1) / time.Second)
	seconds := max(int(elapsed/time.Second), 0)
	if seconds >= ramp {
		return Effective(w)
	}
	return w * ((WeightScale*seconds + ramp) / ramp)
}
