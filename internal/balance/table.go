package balance

// A Table is the placement of "hash-type map-based": an array in which every
// server has as many slots as its weight, spread evenly. It is also the sequence
// of "balance static-rr". Immutable.
type Table struct {
	slots []uint16
}

// Map builds the Table of entries, in their order. Weights count in relation to
// each other only: they are divided by their greatest common divisor.
func Map(entries []Entry) *Table {
	weights := make([]int, len(entries))
	for i, e := range entries {
		weights[i] = max(e.Weight, 0)
	}
	total := reduce(weights)
	t := &Table{slots: make([]uint16, total)}
	score := make([]int, len(weights))
	for slot := range t.slots {
		best, top := -1, 0
		for i, w := range weights {
			if w == 0 {
				continue
			}
			score[i] += w
			// Whole turns owed; among equals the first of the file has the slot.
			if owed := (score[i] + total) / total; best < 0 || owed > top {
				best, top = i, owed
			}
		}
		score[best] -= total
		t.slots[slot] = uint16(best)
	}
	return t
}

// Lookup is the index of the entry at hash modulo the size of the table, -1 if
// no entry has any weight.
func (t *Table) Lookup(hash uint32) int {
	if len(t.slots) == 0 {
		return -1
	}
	return int(t.slots[hash%uint32(len(t.slots))])
}

// Slots is the table itself, for going round it. It must not be changed.
func (t *Table) Slots() []uint16 { return t.slots }

// reduce divides weights by their greatest common divisor and returns their new
// sum.
func reduce(weights []int) int {
	divisor, total := 0, 0
	for _, w := range weights {
		total += w
		for w > 0 {
			divisor, w = w, divisor%w
		}
	}
	if divisor == 0 {
		return 0
	}
	for i := range weights {
		weights[i] /= divisor
	}
	return total / divisor
}
