package backend

// Shares is the part that each of Servers has of what balancing places, 0 to 1:
// of the hashes where the algorithm hashes, else of the weights.
func (sn *Snapshot) Shares() []float64 {
	n := len(sn.usable)
	var of []float64
	switch {
	case n == 0:
	case sn.ring != nil && sn.balance.Algorithm.Hashes():
		of = sn.ring.Shares(n)
	case sn.table != nil:
		of = sn.table.Shares(n)
	default: // hash-type jump gives keys by weight
		of = make([]float64, n)
		for i, w := range sn.weights {
			of[i] = float64(w) / float64(max(sn.before[n], 1))
		}
	}
	place := make(map[*Server]float64, n)
	for i, s := range sn.usable {
		place[s] = of[i]
	}
	shares := make([]float64, len(sn.Servers))
	for i, s := range sn.Servers {
		shares[i] = place[s]
	}
	return shares
}
