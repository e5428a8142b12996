package balance

// Shares is the part of all hashes that belongs to each of n entries, 0 to 1:
// the arcs of the circle that their points own.
func (r *Ring) Shares(n int) []float64 {
	shares := make([]float64, n)
	if len(r.keys) == 0 {
		return shares
	}
	for i, key := range r.keys {
		next := (i + 1) % len(r.keys)
		gap := uint64(r.keys[next] - key) // around the circle
		if next == 0 && gap == 0 {
			gap = 1 << 32 // there is but one place
		}
		if gap == 0 {
			continue // of points that share a key, those between own nothing
		}
		// Of the hashes between two points the lower one has the middle; of the
		// points themselves each has its own.
		low := gap / 2
		shares[r.owners[i]] += float64(low)
		shares[r.owners[next]] += float64(gap - low)
	}
	for i := range shares {
		shares[i] /= 1 << 32
	}
	return shares
}

// Shares is the part of all hashes that belongs to each of n entries, 0 to 1:
// their slots.
func (t *Table) Shares(n int) []float64 {
	shares := make([]float64, n)
	for _, i := range t.slots {
		shares[i] += 1 / float64(len(t.slots))
	}
	return shares
}
