package balance

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawEntries draws servers with distinct ids, some of them out.
func drawEntries(t *rapid.T, least int) []Entry {
	ids := rapid.SliceOfNDistinct(rapid.Uint32Range(1, 1<<20-1), least, 8, rapid.ID[uint32]).Draw(t, "ids")
	entries := make([]Entry, len(ids))
	for i, id := range ids {
		entries[i] = Entry{ID: id, Weight: rapid.IntRange(0, 200).Draw(t, "weight")}
	}
	return entries
}

func TestAChangeOfOneServerMovesKeysFromItOrToItOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawEntries(t, 1)
		changed := rapid.IntRange(0, len(before)-1).Draw(t, "changed server")
		after := slices.Clone(before)
		after[changed].Weight = rapid.IntRange(0, 200).Draw(t, "new weight")
		more := after[changed].Weight >= before[changed].Weight
		old, young := NewRing(before), NewRing(after)
		for range 200 {
			hash := rapid.Uint32().Draw(t, "hash")
			from, to := old.Lookup(hash), young.Lookup(hash)
			if from == to {
				continue
			}
			if more && to != changed || !more && from != changed {
				t.Fatalf("%v: weight of %d to %d moves %#x from %d to %d",
					before, changed, after[changed].Weight, hash, from, to)
			}
		}
	})
}

func TestAddingAServerMovesItsShareOfTheKeys(t *testing.T) {
	const keys = 20_000
	random := rand.New(rand.NewPCG(13, 14))
	for n := 1; n <= 20; n++ {
		weights := slices.Repeat([]int{100}, n+1)
		old, young := NewRing(entriesOf(weights[:n])), NewRing(entriesOf(weights))
		moved := 0
		for range keys {
			hash := random.Uint32()
			if from, to := old.Lookup(hash), young.Lookup(hash); from != to {
				moved++
			}
		}
		share := float64(moved) / keys * float64(n+1)
		if share < 0.85 || share > 1.15 {
			t.Errorf("one server more than %d moves %d of %d keys, %.2f of its share", n, moved, keys, share)
		}
	}
}

func TestARingIsNearestPointWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t, 0)
		ring := NewRing(entries)
		for range 20 {
			hash := rapid.Uint32().Draw(t, "hash")
			best, least := -1, uint32(0)
			for i, e := range entries {
				for n := range e.Weight {
					key := Avalanche(e.ID<<12 + uint32(n))
					if far := min(key-hash, hash-key); best < 0 || far < least {
						best, least = i, far
					}
				}
			}
			if got := ring.Lookup(hash); got != best {
				t.Fatalf("%v at %#x: got %d, want %d at a distance of %d", entries, hash, got, best, least)
			}
		}
	})
}

func TestHalfwayTheLowerPointWins(t *testing.T) {
	low, high := Entry{ID: 1, Weight: 1}, Entry{ID: 2, Weight: 1}
	a, b := Avalanche(1<<12), Avalanche(2<<12)
	if (b-a)%2 != 0 {
		low.Weight, low.Key = 1, 3<<12
		a = Avalanche(3 << 12)
	}
	if (b-a)%2 != 0 {
		t.Fatal("the points of this test have no middle")
	}
	ring := NewRing([]Entry{low, high})
	middle := a + (b-a)/2
	if got := ring.Lookup(middle); got != 0 {
		t.Errorf("the middle belongs to %d", got)
	}
	if got := ring.Lookup(middle + 1); got != 1 {
		t.Errorf("past the middle belongs to %d", got)
	}
}

func TestRefusedServersArePassedBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t, 0)
		ring := NewRing(entries)
		refused := rapid.SliceOfN(rapid.Bool(), len(entries), len(entries)).Draw(t, "refused")
		eligible := func(i int) bool { return !refused[i] }
		hash := rapid.Uint32().Draw(t, "hash")
		// Upward from the point that has the hash, around the circle.
		want := ring.Lookup(hash)
		if want >= 0 {
			first := ring.closest(hash)
			for n := range len(ring.keys) {
				if owner := int(ring.owners[(first+n)%len(ring.keys)]); eligible(owner) {
					want = owner
					break
				}
			}
		}
		if got := ring.LookupIf(hash, eligible); got != want {
			t.Fatalf("%v refused %v at %#x: got %d, want %d", entries, refused, hash, got, want)
		}
	})
}

func TestNothingToPlaceOn(t *testing.T) {
	for _, entries := range [][]Entry{nil, {{ID: 1}, {ID: 2}}} {
		if got := NewRing(entries).Lookup(7); got != -1 {
			t.Errorf("ring of %v: %d", entries, got)
		}
		if got := NewRing(entries).LookupIf(7, func(int) bool { return true }); got != -1 {
			t.Errorf("ring of %v with a choice: %d", entries, got)
		}
		if got := Map(entries).Lookup(7); got != -1 {
			t.Errorf("map of %v: %d", entries, got)
		}
	}
}

func TestAMapGivesEveryServerItsWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t, 1)
		slots := Map(entries).Slots()
		counts, total := make([]int, len(entries)), 0
		for _, server := range slots {
			counts[server]++
		}
		for _, e := range entries {
			total += e.Weight
		}
		for i, e := range entries {
			if counts[i]*total != e.Weight*len(slots) {
				t.Fatalf("server %d of %v has %d of %d slots", i, entries, counts[i], len(slots))
			}
		}
	})
}

func BenchmarkRingLookup(b *testing.B) {
	ring := NewRing(entriesOf([]int{100, 100, 100, 100, 100}))
	key := []byte("/hls/track-1")
	for b.Loop() {
		ring.Lookup(Avalanche(Hash(SDBM, key)))
	}
}
