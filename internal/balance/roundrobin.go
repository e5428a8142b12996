package balance

import "slices"

// maxSequence bounds the length of a sequence in turns, and with it the time
// (about 20 ms) and the memory (128 KiB) that a change of weights costs. Few
// sets of servers need as much: see RoundRobin.
const maxSequence = 1 << 16

// RoundRobin is one period of "balance roundrobin" for servers with these
// effective weights (see Effective: the unit matters, HAProxy breaks ties in
// units of "weight"): indexes of weights, in the order in which HAProxy serves
// them from its start, each spread as evenly as its weight allows, the heavier
// first. Equal weights give 0, 1, 2... A weight of 0 does not occur; without any
// weight the result is empty.
//
// A period is as long as the sum of the weights divided by their greatest common
// divisor. Where ties fall otherwise from turn to turn (4, 3, 4 is such a set) it
// is some windows of HAProxy's, and longer than 65,536 turns it is cut there, at
// the end of a round.
func RoundRobin(weights []int) []uint16 {
	round := reduce(slices.Clone(weights))
	if round == 0 {
		return nil
	}
	most := max(maxSequence/round*round, min(round, maxSequence))
	sequence := make([]uint16, 0, min(most, 16*round))
	for g := newWheel(weights); len(sequence) < most; {
		sequence = append(sequence, uint16(g.next()))
		if g.atStart() {
			break
		}
	}
	return slices.Clip(sequence[:period(sequence, round)])
}

// period is the length of the shortest part of sequence that is a multiple of
// round and makes up the whole by repetition.
func period(sequence []uint16, round int) int {
	for n := round; n < len(sequence); n += round {
		if len(sequence)%n == 0 && slices.Equal(sequence[n:], sequence[:len(sequence)-n]) {
			return n
		}
	}
	return len(sequence)
}
