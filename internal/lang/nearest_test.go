package lang

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNearestFindsSlipsOfThePen(t *testing.T) {
	words := []string{"balance", "backlog", "bind", "timeout", "default_backend", "mode", "log"}
	for text, want := range map[string]string{
		"balence": "balance", "blaance": "balance", "bnid": "bind", "tiemout": "timeout", "default-backend": "default_backend",
		"defaultbackend": "default_backend", "mod": "mode", "lgo": "log", "foo": "", "x": "", "": "", "something": "", "frobnicate": "",
	} {
		if got := Nearest(text, words); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// plainSlips is what slips says, without its short cuts.
func plainSlips(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

func TestNearestIsTheFirstOfTheClosest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteByte("abcß"[random.IntN(4)])
		}
		return b.String()
	}
	for range 20_000 {
		text, candidates := word(), []string{word(), word(), strings.Repeat(word(), 12), word()}
		want, distance := "", max(1, len(text)/3)+1
		for _, c := range candidates {
			if d := plainSlips(text, c); d < distance {
				want, distance = c, d
			}
		}
		if got := Nearest(text, candidates); got != want {
			t.Fatalf("%q of %q: got %q, want %q", text, candidates, got, want)
		}
		if got, want := Slips(text, candidates[0]), plainSlips(text, candidates[0]); got != want {
			t.Fatalf("from %q to %q: got %d slips, want %d", text, candidates[0], got, want)
		}
	}
}

func TestNearestAllocatesNothing(t *testing.T) {
	candidates := make([]string, 100)
	for i := range candidates {
		candidates[i] = fmt.Sprintf("backend_%05d", 137*i)
	}
	if n := testing.AllocsPerRun(100, func() { Nearest("backend_x4321", candidates) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNearestOfTwentyThousand(b *testing.B) {
	candidates := make([]string, 20_000)
	for i := range candidates {
		candidates[i] = fmt.Sprintf("backend_%05d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		Nearest("backend_x43210", candidates)
	}
}
