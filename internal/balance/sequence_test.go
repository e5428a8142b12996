package balance

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

var sequenceWeights = [][]int{
	{1}, {5}, {1, 1}, {1, 2}, {2, 1}, {3, 7}, {256, 1}, {100, 100},
	{1, 1, 1}, {1, 2, 3}, {3, 2, 1}, {5, 1, 1}, {0, 4, 6}, {100, 100, 50}, {7, 13, 29},
	{1, 1, 1, 1}, {2, 2, 1, 1}, {4, 3, 2, 1},
	{1, 1, 1, 1, 1}, {1, 2, 3, 4, 5}, {10, 20, 30, 40, 50}, {17, 1, 100, 255, 256}, {9, 9, 9, 9, 1},
	{4, 3, 4}, {1, 3, 4, 3}, {196, 117, 163}, {5, 8, 5, 3, 8}, // longer than a round
}

func TestSequencesAreThoseOfHAProxy(t *testing.T) {
	o := newOracle(t)
	roundrobin, staticrr := map[int]string{}, map[int]string{}
	for i, weights := range sequenceWeights {
		roundrobin[i] = o.section("", []string{"balance roundrobin"}, serverLines(weights))
		staticrr[i] = o.section("", []string{"balance static-rr"}, serverLines(weights))
	}
	o.start()
	for i, weights := range sequenceWeights {
		effective := make([]int, len(weights))
		for i, w := range weights {
			effective[i] = Effective(w)
		}
		t.Run(fmt.Sprintf("roundrobin over weights %v", weights), func(t *testing.T) {
			compareSequence(t, o, roundrobin[i], RoundRobin(effective))
		})
		t.Run(fmt.Sprintf("static-rr over weights %v", weights), func(t *testing.T) {
			compareSequence(t, o, staticrr[i], Map(entriesOf(weights)).Slots())
		})
	}
}

// sequenceTurns is how many turns are compared at most; a window of haproxy and a
// half is 24 rounds, and there is no more to see past that.
const sequenceTurns = 20_000

func compareSequence(t *testing.T, o *oracle, section string, sequence []uint16) {
	t.Helper()
	requests := min(max(24*len(sequence), 100), sequenceTurns)
	if testing.Short() {
		requests /= 8
	}
	targets := make([]string, requests)
	for i := range targets {
		targets[i] = "/"
	}
	got := o.ask(section, targets)
	for i, server := range got {
		if want := int(sequence[i%len(sequence)]); server != want {
			from := max(0, i-5)
			t.Fatalf("turn %d of period %d: haproxy takes s%d, we take s%d; from turn %d it takes %v, our sequence is %v",
				i, len(sequence), server, want, from, got[from:min(i+20, requests)], sequence[:min(40, len(sequence))])
		}
	}
}

func TestASequenceIsTheWheelForever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 320), 1, 8).Draw(t, "effective weights")
		sequence := RoundRobin(weights)
		total := 0
		for _, w := range weights {
			total += w
		}
		if total == 0 {
			if len(sequence) > 0 {
				t.Fatalf("without weight: %v", sequence)
			}
			return
		}
		counts := make([]int, len(weights))
		for _, server := range sequence {
			counts[server]++
		}
		for i, w := range weights {
			// A window may come out a turn short, in HAProxy as here.
			off, windows := counts[i]*total-w*len(sequence), 1+len(sequence)/total
			if max(off, -off) > windows*total {
				t.Fatalf("server %d of %v has %d of %d turns", i, weights, counts[i], len(sequence))
			}
		}
		if len(sequence)+total > maxSequence {
			return // cut: it begins again earlier than the wheel
		}
		g := newWheel(weights)
		for i := range 3 * total {
			if want := g.next(); int(sequence[i%len(sequence)]) != want {
				t.Fatalf("turn %d of %v: %d, want %d", i, weights, sequence[i%len(sequence)], want)
			}
		}
	})
}

func TestASequenceIsBounded(t *testing.T) {
	const servers = 4095 // HAProxy's most for round robin
	weights := make([]int, servers)
	for i := range weights {
		weights[i] = 1 + (i*i)%maxEffective
	}
	if got := len(RoundRobin(weights)); got != maxSequence {
		t.Errorf("a sequence of %d turns, want it cut at %d", got, maxSequence)
	}
	for i := range weights {
		weights[i] = 1600
	}
	got := RoundRobin(weights)
	if len(got) != servers {
		t.Fatalf("equal weights: a sequence of %d turns, want %d", len(got), servers)
	}
	for i, server := range got {
		if int(server) != i {
			t.Fatalf("equal weights: turn %d is server %d", i, server)
		}
	}
}
