package balance

import "slices"

// maxSequence bounds the length of a sequence, and with it the memory and the
// time of a change of weights. 4,095 servers is HAProxy's limit for round robin;
// a cut sequence still holds 16 turns of each of them.
const maxSequence = 1 << 16

// RoundRobin is one period of "balance roundrobin" for servers with these
// effective weights: indexes of weights, in the order in which HAProxy serves
// them from its start, heavier servers first and each spread as evenly as its
// weight allows. Equal weights give 0, 1, 2... A weight of 0 does not occur. The
// result is empty if there is no weight at all.
func RoundRobin(weights []int) []uint16 {
	g := newWheel(weights)
	if g.total == 0 {
		return nil
	}
	length := reduce(slices.Clone(weights))
	if length > maxSequence {
		length = maxSequence
	}
	sequence := make([]uint16, length)
	for i := range sequence {
		sequence[i] = uint16(g.next())
	}
	return sequence
}
