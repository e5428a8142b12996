package balance

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// jumpKeys is how many hashes are placed for each row: the chance alone keeps a
// share of 1/2 within a quarter of a percentage point then.
const jumpKeys = 200_000

func hashes(seed uint64) []uint32 {
	random := rand.New(rand.NewPCG(seed, 7))
	list := make([]uint32, jumpKeys)
	for i := range list {
		list[i] = random.Uint32()
	}
	return list
}

func place(j *Jump, hashes []uint32) []int {
	places := make([]int, len(hashes))
	for i, h := range hashes {
		places[i] = j.Lookup(h)
	}
	return places
}

func full(entries []Entry) []int {
	now := make([]int, len(entries))
	for i, e := range entries {
		now[i] = e.Weight
	}
	return now
}

// Removed is by the end of its line or by going down: both must move nothing else.
func TestRemovingAServerMovesItsOwnKeysOnly(t *testing.T) {
	keys := hashes(1)
	for n := 2; n <= 16; n++ {
		weights := make([]int, n)
		for i := range weights {
			weights[i] = 1
		}
		entries := entriesOf(weights)
		before := place(NewJump(entries, full(entries)), keys)
		for gone := range n {
			now := full(entries)
			now[gone] = 0
			down := NewJump(entries, now)
			rest := append(append([]Entry(nil), entries[:gone]...), entries[gone+1:]...)
			removed := NewJump(rest, full(rest))
			own, foreign, apart := 0, 0, 0
			for i, h := range keys {
				after := removed.Lookup(h)
				if after >= gone {
					after++ // its index before
				}
				if before[i] == gone {
					own++
				} else if after != before[i] || down.Lookup(h) != before[i] {
					foreign++
				}
				if gone < n-1 && after != down.Lookup(h) {
					apart++
				}
			}
			if foreign > 0 || apart > 0 {
				t.Errorf("%d servers without s%d: %d keys of others moved, %d lie elsewhere than while it was down", n, gone+1, foreign, apart)
			}
			if share := 100 * float64(own) / jumpKeys; share < 100/float64(n)-1 || share > 100/float64(n)+1 {
				t.Errorf("%d servers: s%d had %.2f %% of the keys, want %.2f ± 1", n, gone+1, share, 100/float64(n))
			}
		}
	}
}

func TestKeysOfALostServerSpreadOverAllOthers(t *testing.T) {
	entries := entriesOf([]int{1, 1, 1, 1, 1, 1})
	now := full(entries)
	now[2], now[5] = 0, 0
	count := make([]int, len(entries))
	for _, i := range place(NewJump(entries, now), hashes(2)) {
		count[i]++
	}
	for i, n := range count {
		want := 0.25
		if now[i] == 0 {
			want = 0
		}
		if got := float64(n) / jumpKeys; got < want-0.01 || got > want+0.01 {
			t.Errorf("s%d has %.3f of the keys, want %.2f", i+1, got, want)
		}
	}
}

func TestJumpGivesKeysByWeight(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []Entry
	}{
		{"weights", entriesOf([]int{1, 2, 3, 4})},
		{"one heavy server", entriesOf([]int{1, 256, 1})},
		{"holes between the ids", []Entry{{ID: 3, Weight: 16}, {ID: 40, Weight: 32}, {ID: 400, Weight: 16}}},
		{"ids beyond the table", []Entry{{ID: 1, Weight: 16}, {ID: 1 << 20, Weight: 48}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			count, total := make([]int, len(c.entries)), 0
			for _, i := range place(NewJump(c.entries, full(c.entries)), hashes(3)) {
				count[i]++
			}
			for _, e := range c.entries {
				total += e.Weight
			}
			for i, e := range c.entries {
				got, want := float64(count[i])/jumpKeys, float64(e.Weight)/float64(total)
				if got < want-0.01 || got > want+0.01 {
					t.Errorf("id %d has %.3f of the keys, want %.3f", e.ID, got, want)
				}
			}
		})
	}
}

// A lighter server gives away, a heavier one takes: nothing moves between others.
func TestAChangeOfWeightMovesInProportion(t *testing.T) {
	keys := hashes(4)
	file := entriesOf([]int{100, 60, 80, 100, 40})
	for _, c := range []struct{ server, from, to int }{{1, 60, 30}, {1, 60, 90}, {2, 80, 0}, {4, 40, 41}, {0, 100, 50}} {
		t.Run(fmt.Sprintf("s%d from %d to %d", c.server+1, c.from, c.to), func(t *testing.T) {
			now := full(file)
			before := place(NewJump(file, now), keys)
			now[c.server] = Effective(c.to)
			after := place(NewJump(file, now), keys)
			moved, between := 0, 0
			for i := range keys {
				if before[i] == after[i] {
					continue
				}
				moved++
				if before[i] != c.server && after[i] != c.server {
					between++
				}
			}
			total := 380 - c.from
			want := float64(c.to)/float64(total+c.to) - float64(c.from)/380
			if want < 0 {
				want = -want
			}
			if got := float64(moved) / jumpKeys; between > 0 || got < want-0.01 || got > want+0.01 {
				t.Errorf("%.3f of the keys moved, want %.3f; %d between other servers", got, want, between)
			}
		})
	}
}

func TestJumpPassesByWhoIsRefused(t *testing.T) {
	entries := entriesOf([]int{1, 1, 1})
	j := NewJump(entries, full(entries))
	now := full(entries)
	now[1] = 0
	without := NewJump(entries, now)
	for _, h := range hashes(5)[:1000] {
		if got, want := j.LookupIf(h, func(i int) bool { return i != 1 }), without.Lookup(h); got != want {
			t.Fatalf("%d: refused s2 leads to s%d, down s2 to s%d", h, got+1, want+1)
		}
		if got, want := j.LookupIf(h, func(int) bool { return false }), j.Lookup(h); got != want {
			t.Fatalf("%d: with all refused got s%d, want its own s%d", h, got+1, want+1)
		}
	}
	if got := NewJump(entries, []int{0, 0, 0}).Lookup(1); got != -1 {
		t.Errorf("no server left: got %d", got)
	}
}

func BenchmarkLookup(b *testing.B) {
	weights := make([]int, 16)
	for i := range weights {
		weights[i] = 1
	}
	entries := entriesOf(weights)
	ring, table, j := NewRing(entries), Map(entries), NewJump(entries, full(entries))
	for name, lookup := range map[string]func(uint32) int{"ring": ring.Lookup, "map": table.Lookup, "jump": j.Lookup} {
		b.Run(name, func(b *testing.B) {
			h := uint32(1)
			for b.Loop() {
				h = Avalanche(h + uint32(lookup(h)))
			}
		})
	}
}
