package rule

import (
	"net/netip"
	"slices"
)

// A lookup finds the pattern of a list that a text or address matches, by
// hashing, however long the list is. Numbers count the patterns from 0; of two
// that are the same the first counts, and of several beginnings or networks
// the longest, as in HAProxy's trees.
type lookup struct {
	texts    map[string]int
	lengths  []int // of texts, longest first: for beginnings and ends
	prefixes map[netip.Prefix]int
	bits4    []int // lengths of prefixes, longest first
	bits6    []int
}

// addText says whether the text is new.
func (l *lookup) addText(text string, n int) bool {
	if l.texts == nil {
		l.texts = make(map[string]int)
	}
	if _, ok := l.texts[text]; ok {
		return false
	}
	l.texts[text] = n
	l.lengths = addLength(l.lengths, len(text))
	return true
}

func addLength(list []int, n int) []int {
	i, ok := slices.BinarySearchFunc(list, n, func(a, b int) int { return b - a })
	if ok {
		return list
	}
	return slices.Insert(list, i, n)
}

func (l *lookup) addPrefix(p netip.Prefix, n int) {
	p = p.Masked()
	if l.prefixes == nil {
		l.prefixes = make(map[netip.Prefix]int)
	}
	if _, ok := l.prefixes[p]; ok {
		return
	}
	l.prefixes[p] = n
	if p.Addr().Is4() {
		l.bits4 = addLength(l.bits4, p.Bits())
	} else {
		l.bits6 = addLength(l.bits6, p.Bits())
	}
}

// is finds the text itself; -1: it is not there.
func (l *lookup) is(b []byte) int {
	if n, ok := l.texts[string(b)]; ok {
		return n
	}
	return -1
}

// begins finds the longest text that b begins with.
func (l *lookup) begins(b []byte) int {
	for _, length := range l.lengths {
		if length <= len(b) {
			if n, ok := l.texts[string(b[:length])]; ok {
				return n
			}
		}
	}
	return -1
}

// ends finds the first of the texts that b ends in: HAProxy has no tree for
// these and walks its list.
func (l *lookup) ends(b []byte) int {
	first := -1
	for _, length := range l.lengths {
		if length <= len(b) {
			if n, ok := l.texts[string(b[len(b)-length:])]; ok && (first < 0 || n < first) {
				first = n
			}
		}
	}
	return first
}

// holds finds the smallest network that the address is in.
func (l *lookup) holds(a netip.Addr) int {
	list := l.bits6
	if a.Is4() {
		list = l.bits4
	}
	for _, bits := range list {
		p, err := a.Prefix(bits)
		if err != nil {
			return -1
		}
		if n, ok := l.prefixes[p]; ok {
			return n
		}
	}
	return -1
}
