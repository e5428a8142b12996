package lang

import "math/bits"

// Nearest is the candidate that text was most likely meant to be, "" when none
// is close enough. Swapped neighbours count as one slip.
//
// It allocates nothing for words of up to shortWord bytes, and most candidates
// cost it a look at their letters.
func Nearest(text string, candidates []string) string {
	best, distance, have := "", max(1, len(text)/3)+1, letters(text)
	for _, c := range candidates {
		if tooFar(text, c, have, distance) {
			continue
		}
		if d := slips(text, c, distance); d < distance {
			if best, distance = c, d; d == 0 {
				break
			}
		}
	}
	return best
}

// tooFar says that limit slips or more lie between text, of the letters have, and
// c: each slip changes the length by one at most, and takes or brings one letter.
func tooFar(text, c string, have uint64, limit int) bool {
	if d := len(text) - len(c); d >= limit || -d >= limit {
		return true
	}
	has := letters(c)
	return bits.OnesCount64(have&^has) >= limit || bits.OnesCount64(has&^have) >= limit
}

// letters are those of s, each a bit; letters of the same lower six bits share one.
func letters(s string) (set uint64) {
	for i := range len(s) {
		set |= 1 << (s[i] & 63)
	}
	return set
}

// Slips is how many insertions, deletions, replacements and swaps of neighbours
// lie between a and b.
func Slips(a, b string) int { return slips(a, b, len(a)+len(b)+1) }

// shortWord is how long a word may be without an allocation: names are shorter.
const shortWord = 63

// slips counts the insertions, deletions, replacements and swaps of neighbours
// between a and b; results of limit and above are not exact.
func slips(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	var room [3][shortWord + 1]int
	before, last, row := room[0][:], room[1][:], room[2][:]
	if len(b) > shortWord {
		before, last, row = make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	}
	for j := range len(b) + 1 {
		last[j] = j
	}
	least := 0 // of the row before
	for i := 1; i <= len(a); i++ {
		row[0] = i
		now := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			now = min(now, row[j])
		}
		if now >= limit && least >= limit { // a swap looks two rows back
			return limit
		}
		before, last, row, least = last, row, before, now
	}
	return last[len(b)]
}
