package balance

import (
	"cmp"
	"slices"
)

// A Ring is the placement of "hash-type consistent": every server owns as many
// points of a circle of 2^32 places as its effective weight, and a hash belongs
// to the nearest point on either side. Immutable.
type Ring struct {
	keys   []uint32 // the points, ascending
	owners []int32  // owners[i] is the index of the entry that keys[i] belongs to
}

// NewRing places entries on a ring. Point i of a server is
// Avalanche(id*4096 + i), so that a change of weight adds or takes away the last
// points only and a change of the set touches no other server's points.
func NewRing(entries []Entry) *Ring {
	type point struct {
		key   uint32
		owner int32
	}
	var points []point
	for i, e := range entries {
		start := e.Key
		if start == 0 {
			start = e.ID * maxEffective
		}
		for n := range uint32(max(e.Weight, 0)) {
			points = append(points, point{Avalanche(start + n), int32(i)})
		}
	}
	// Points that collide (ids equal modulo 2^20, equal hash-keys) keep the
	// order of the file.
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.key, b.key) })
	r := &Ring{keys: make([]uint32, len(points)), owners: make([]int32, len(points))}
	for i, p := range points {
		r.keys[i], r.owners[i] = p.key, p.owner
	}
	return r
}

// Lookup is the index of the entry whose point is numerically closest to hash,
// around the circle; halfway between two points, the lower one has it. Of points
// that share a key, the first is reached from below and the last from above. -1
// if no entry has any weight.
func (r *Ring) Lookup(hash uint32) int {
	if len(r.keys) == 0 {
		return -1
	}
	return int(r.owners[r.closest(hash)])
}

// LookupIf is Lookup for a hash whose server may be refused: by
// "hash-balance-factor", or because this request has just failed there. Refused
// points are passed by upward, around the circle. If every server is refused it
// answers as Lookup: a server too many beats none. eligible is called with
// indexes of entries and is not kept.
func (r *Ring) LookupIf(hash uint32, eligible func(int) bool) int {
	if len(r.keys) == 0 {
		return -1
	}
	first := r.closest(hash)
	for n := range len(r.keys) {
		i := first + n
		if i >= len(r.keys) {
			i -= len(r.keys)
		}
		if n > 0 && i > 0 && r.owners[i] == r.owners[i-1] {
			continue // refused a moment ago
		}
		if eligible(int(r.owners[i])) {
			return int(r.owners[i])
		}
	}
	return int(r.owners[first])
}

// Owners are the indexes of the entries that own the points, in the order of the
// circle: the order in which a ring is gone round when there is no key. It must
// not be changed.
func (r *Ring) Owners() []int32 { return r.owners }

// closest is the position of the point that hash belongs to; there must be one.
func (r *Ring) closest(hash uint32) int {
	next, _ := slices.BinarySearch(r.keys, hash)
	if next == len(r.keys) {
		next = 0
	}
	prev := next - 1
	if prev < 0 {
		prev = len(r.keys) - 1
	}
	// Unsigned differences are distances around the circle.
	if hash-r.keys[prev] <= r.keys[next]-hash {
		return prev
	}
	return next
}
