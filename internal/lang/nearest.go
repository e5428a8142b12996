package lang

// Nearest is the candidate that text was most likely meant to be, "" when none
// is close enough. Swapped neighbours count as one slip.
func Nearest(text string, candidates []string) string {
	best, distance := "", max(1, len(text)/3)+1
	for _, c := range candidates {
		if d := slips(text, c, distance); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// slips counts the insertions, deletions, replacements and swaps of neighbours
// between a and b; results of limit and above are not exact.
func slips(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
