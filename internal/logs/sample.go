package logs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Sample takes some of every so many lines (HAProxy's `sample <ranges>:<size>`).
// A nil one takes all.
type Sample struct {
	ranges []span // sorted, apart from each other
	size   int
	at     int // lines of the current turn so far; the writer's own
}

// A span is lines by their numbers from 1 on.
type span struct{ from, to int }

// takes counts a line and says whether it goes.
func (s *Sample) takes() bool {
	if s == nil {
		return true
	}
	if s.at == s.size {
		s.at = 0
	}
	s.at++
	return slices.ContainsFunc(s.ranges, func(r span) bool { return r.from <= s.at && s.at <= r.to })
}

// parseSample reads ranges and size, as in 2,5-6:10. The error's text is HAProxy's.
func parseSample(text string) (*Sample, error) {
	list, size, ok := strings.Cut(text, ":")
	switch {
	case !ok || size == "":
		return nil, fmt.Errorf("Missing sample size")
	case list == "":
		return nil, fmt.Errorf("no sampling ranges given")
	}
	s := &Sample{}
	for one := range strings.SplitSeq(list, ",") {
		low, high, both := strings.Cut(one, "-")
		if !both {
			high = low
		}
		r := span{from: lineNumber(low), to: lineNumber(high)}
		if r.from == 0 || r.to < r.from {
			return nil, fmt.Errorf("wrong sample range '%s'", one)
		}
		for _, other := range s.ranges {
			if r.from <= other.to && other.from <= r.to {
				return nil, fmt.Errorf("ranges are overlapping")
			}
		}
		s.ranges = append(s.ranges, r)
	}
	if s.size = lineNumber(size); s.size == 0 {
		return nil, fmt.Errorf("wrong sample size '%s' for sample range '%s'", size, list)
	}
	slices.SortFunc(s.ranges, func(a, b span) int { return a.from - b.from })
	if most := s.ranges[len(s.ranges)-1].to; most > s.size {
		return nil, fmt.Errorf("sample size %d should be greater or equal to %d the maximum of the high ranges limits", s.size, most)
	}
	return s, nil
}

// lineNumber is 0 for what is no number of a line.
func lineNumber(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}
