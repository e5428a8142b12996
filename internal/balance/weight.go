package balance

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

// Effective is the effective weight of a server whose "weight" is w, once it is
// past slowstart.
func Effective(w int) int { return w * WeightScale }
