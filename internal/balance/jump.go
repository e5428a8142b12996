package balance

import "math"

// A Jump is the placement of "hash-type jump": every server has one slot, the
// one of its id, and a key finds its slot by jump consistent hashing (Lamping
// and Veach, 2014). A slot without a server, one whose server is out, and, by
// chance in relation to its weight, one whose server is lighter than the
// heaviest, sends the key on to another slot. So a server that goes moves its
// own keys only, whatever its place, and they spread over all that are left.
// Immutable.
type Jump struct {
	slots  []int32   // by id: index of the entry, -1 for none
	weight []uint32  // by slot: chance to take a key, in 1/2^32; 0: none
	share  []float64 // by entry: effective weight, for rendezvous
	live   int
}

// maxJumps is how many slots a key tries. Ids are meant to be dense, so that a
// few suffice; a file with ids far apart finds its servers by weighted
// rendezvous after them, which is as stable and costs a look at each server.
const maxJumps = 16

// maxSlots bounds the table of slots. With an id beyond it hardly any slot
// would be a server's, and all keys are placed by rendezvous.
const maxSlots = 1 << 12

// NewJump places entries. all are the servers of the file, with their weights
// when they are well; of those, the ones that can take requests now have a
// weight in now. Slots and the measure of weights follow all, so that a server
// that goes down or is drained changes nothing for the others.
func NewJump(all []Entry, now []int) *Jump {
	most, heaviest := uint32(0), 1
	for i, e := range all {
		most = max(most, e.ID)
		heaviest = max(heaviest, e.Weight, now[i])
	}
	if most > maxSlots {
		most = 0
	}
	j := &Jump{slots: make([]int32, most), weight: make([]uint32, most), share: make([]float64, len(all))}
	for i := range j.slots {
		j.slots[i] = -1
	}
	for i, e := range all {
		if now[i] <= 0 {
			continue
		}
		j.live++
		j.share[i] = float64(now[i])
		if e.ID == 0 || e.ID > most {
			continue // found by rendezvous
		}
		j.slots[e.ID-1] = int32(i)
		j.weight[e.ID-1] = uint32(uint64(now[i]) * math.MaxUint32 / uint64(heaviest))
	}
	return j
}

// Lookup is the index of the entry that hash belongs to, -1 if none has any
// weight.
func (j *Jump) Lookup(hash uint32) int { return j.LookupIf(hash, nil) }

// LookupIf is Lookup for a hash whose server may be refused, as by
// "hash-balance-factor"; a refused server is passed by like one that is out. If
// every server is refused it answers as Lookup. eligible is called with indexes
// of entries and is not kept; nil refuses none.
func (j *Jump) LookupIf(hash uint32, eligible func(int) bool) int {
	if j.live == 0 {
		return -1
	}
	key := uint64(hash)
	for range min(maxJumps, maxJumps*len(j.slots)) {
		key = spread(key)
		slot := jump(key, len(j.slots))
		if j.slots[slot] < 0 || uint32(key*golden>>32) > j.weight[slot] {
			continue
		}
		if i := int(j.slots[slot]); eligible == nil || eligible(i) {
			return i
		}
	}
	if i := j.rendezvous(key, eligible); i >= 0 {
		return i
	}
	return j.LookupIf(hash, nil)
}

// rendezvous is the entry with the highest score for key (weighted rendezvous
// hashing), -1 if all are refused.
func (j *Jump) rendezvous(key uint64, eligible func(int) bool) int {
	best, top := -1, 0.0
	for i, w := range j.share {
		if w == 0 || eligible != nil && !eligible(i) {
			continue
		}
		u := (float64(spread(key^uint64(i+1)*golden)>>11) + 0.5) / (1 << 53)
		if score := -w / math.Log(u); best < 0 || score > top {
			best, top = i, score
		}
	}
	return best
}

// golden is 2^64 divided by the golden ratio, which splitmix64 steps by.
const golden = 0x9e3779b97f4a7c15

// spread is one step of splitmix64: a permutation of 64 bits.
func spread(key uint64) uint64 {
	key += golden
	key = (key ^ key>>30) * 0xbf58476d1ce4e5b9
	key = (key ^ key>>27) * 0x94d049bb133111eb
	return key ^ key>>31
}

// jump is the slot of a key among n: with one slot more, 1/(n+1) of the keys
// move, all of them to the new one.
func jump(key uint64, n int) int {
	slot, next := int64(-1), int64(0)
	for next < int64(n) {
		slot = next
		key = key*2862933555777941757 + 1
		next = int64(float64(slot+1) * (float64(int64(1)<<31) / float64(key>>33+1)))
	}
	return int(slot)
}
