package balance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// placementKeys is how many keys the comparison with haproxy places in all.
const placementKeys = 100_000

// A uriCase is a form of "balance uri" and what it means here.
type uriCase struct {
	words string
	uri   URI
}

var uriCases = []uriCase{
	{"", URI{}},
	{"depth 2", URI{Depth: 2}},
	{"whole", URI{Whole: true}},
	{"len 9", URI{Len: 9}},
	{"len 14 depth 3 whole", URI{Len: 14, Depth: 3, Whole: true}},
	{"path-only", URI{PathOnly: true}},
	{"path-only depth 1", URI{PathOnly: true, Depth: 1}},
}

// A typeCase is a form of "hash-type" and what it means here.
type typeCase struct {
	words      string
	consistent bool
	function   Func
	avalanche  bool
}

var typeCases = []typeCase{
	{"consistent", true, SDBM, true},
	{"map-based", false, SDBM, false},
	{"consistent sdbm", true, SDBM, false},
	{"consistent djb2", true, DJB2, false},
	{"consistent wt6", true, WT6, false},
	{"consistent crc32", true, CRC32, false},
	{"consistent crc32 avalanche", true, CRC32, true},
	{"map-based djb2 avalanche", false, DJB2, true},
	{"map-based wt6", false, WT6, false},
	{"map-based crc32", false, CRC32, false},
}

var placementWeights = [][]int{
	{1, 1}, {3, 7}, {256, 1},
	{1, 1, 1}, {1, 2, 3}, {100, 100, 50}, {0, 4, 6},
	{1, 1, 1, 1, 1}, {10, 20, 30, 40, 50}, {256, 255, 17, 1, 100},
}

// A question is one section of the oracle with the keys asked of it.
type question struct {
	section, about string
	targets        []string
	want           func(target string) int
}

func (h typeCase) lookup(entries []Entry) func(hash uint32) int {
	table, ring := Map(entries), NewRing(entries)
	return func(hash uint32) int {
		if h.avalanche {
			hash = Avalanche(hash)
		}
		if h.consistent {
			return ring.Lookup(hash)
		}
		return table.Lookup(hash)
	}
}

func entriesOf(weights []int) []Entry {
	entries := make([]Entry, len(weights))
	for i, w := range weights {
		entries[i] = Entry{ID: uint32(i + 1), Weight: Effective(w)}
	}
	return entries
}

func serverLines(weights []int) []string {
	lines := make([]string, len(weights))
	for i, w := range weights {
		lines[i] = fmt.Sprintf("weight %d", w)
	}
	return lines
}

// ask compares haproxy's answers with ours, key by key.
func (q question) compare(t *testing.T, o *oracle) {
	t.Helper()
	wrong := 0
	for i, got := range o.ask(q.section, q.targets) {
		if want := q.want(q.targets[i]); got != want {
			if wrong++; wrong <= 3 {
				t.Errorf("%s: %q: haproxy takes s%d, we take s%d", q.about, q.targets[i], got, want)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d keys placed elsewhere", q.about, wrong, len(q.targets))
	}
}

func TestEveryKeyLandsWhereHAProxyPutsIt(t *testing.T) {
	keys := placementKeys
	if testing.Short() {
		keys /= 10
	}
	o := newOracle(t)
	random := rand.New(rand.NewPCG(1, 2))
	each := keys/(len(uriCases)*len(typeCases)*len(placementWeights)) + 1
	var questions []question
	for _, weights := range placementWeights {
		for _, h := range typeCases {
			lookup := h.lookup(entriesOf(weights))
			for _, u := range uriCases {
				balance := "balance uri " + u.words
				questions = append(questions, question{
					section: o.section("", []string{balance, "hash-type " + h.words}, serverLines(weights)),
					about:   fmt.Sprintf("%s, hash-type %s, weights %v", balance, h.words, weights),
					targets: randomTargets(random, each),
					want:    func(target string) int { return lookup(Hash(h.function, u.uri.Key([]byte(target)))) },
				})
			}
		}
	}
	o.start()
	placed := 0
	for _, q := range questions {
		q.compare(t, o)
		placed += len(q.targets)
	}
	t.Logf("%d keys in %d configurations", placed, len(questions))
}

// randomTargets makes targets of the kinds that clients send, and odd ones.
func randomTargets(random *rand.Rand, n int) []string {
	const bytes = "abcdefghijklmnopqrstuvwxyz0123456789-._~%+=&:@!$'()*,;[]\\^{|}\"`"
	targets := make([]string, n)
	for i := range targets {
		var b strings.Builder
		switch random.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "http://www%d.test", random.IntN(9))
			if random.IntN(2) == 0 {
				b.WriteString(":8080")
			}
		case 1:
			fmt.Fprintf(&b, "/hls/track-%d/segment-%05d.ts?token=%x", random.IntN(1e6), random.IntN(1e5), random.Uint32())
		}
		for range 1 + random.IntN(6) {
			b.WriteByte('/')
			for range random.IntN(12) {
				b.WriteByte(bytes[random.IntN(len(bytes))])
			}
		}
		if random.IntN(3) == 0 {
			fmt.Fprintf(&b, "?a=%d/%d?", random.IntN(1000), random.IntN(1000))
		}
		targets[i] = b.String()
	}
	return targets
}
