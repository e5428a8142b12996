package rule

import (
	"bytes"
	"regexp"
)

// A matchKind is a matching method: -m of an ACL.
type matchKind uint8

const (
	matchNone  matchKind = iota // must be chosen with -m
	matchFound                  // the sample exists
	matchBool
	matchInt
	matchLen
	matchIP
	matchBin
	matchStr
	matchBeg
	matchEnd
	matchSub
	matchDir
	matchDom
	matchReg
)

var matchNames = map[string]matchKind{
	"found": matchFound, "bool": matchBool, "int": matchInt, "len": matchLen, "ip": matchIP,
	"bin": matchBin, "str": matchStr, "beg": matchBeg, "end": matchEnd, "sub": matchSub,
	"dir": matchDir, "dom": matchDom, "reg": matchReg,
}

// defaultMatch is the method that goes with a type.
func defaultMatch(k Kind) matchKind {
	switch k {
	case KindBool:
		return matchBool
	case KindInt:
		return matchInt
	case KindAddr:
		return matchIP
	case KindStr, KindMethod:
		return matchStr
	case KindBin:
		return matchBin
	}
	return matchNone
}

// A pattern list is what a sample is compared with; one match is enough.
// Patterns are numbered from 0 in the order in which they were added.
type patterns struct {
	kind    matchKind
	fold    bool
	exact   bool   // methods: -i has no effect on whole ones (RFC 9110 §9.1)
	count   int    // of all that were added
	lookup  lookup // whole texts, beginnings, ends, networks
	texts   []text // of the other text methods
	ranges  []intRange
	regexes []*regexp.Regexp
}

// A text is in lower case when the patterns fold.
type text struct {
	b []byte
	n int
}

type intRange struct {
	low, high int64
	n         int
}

// match says whether the sample matches one of the patterns.
func (p *patterns) match(x *Ctx, s *Sample) bool {
	switch p.kind {
	case matchFound:
		return true
	case matchBool:
		return s.truth()
	}
	return p.find(x, s) >= 0
}

// find is the number of the pattern that the sample matches, -1: there is none.
func (p *patterns) find(x *Ctx, s *Sample) int {
	switch p.kind {
	case matchInt:
		if n, ok := s.number(); ok {
			return p.inRange(n)
		}
		return -1
	case matchLen:
		return p.inRange(int64(len(s.bytes(x))))
	case matchIP:
		if a, ok := s.addr(); ok {
			return p.lookup.holds(a)
		}
		return -1
	}
	b := s.bytes(x)
	if p.kind == matchReg {
		for n, re := range p.regexes {
			if re.Match(b) {
				return n
			}
		}
		return -1
	}
	if p.fold && !(p.exact && p.kind == matchStr) {
		b = lowered(x, b)
	}
	switch p.kind {
	case matchStr, matchBin:
		return p.lookup.is(b)
	case matchBeg:
		return p.lookup.begins(b)
	case matchEnd:
		return p.lookup.ends(b)
	}
	return p.among(b)
}

func (p *patterns) inRange(n int64) int {
	for _, r := range p.ranges {
		if n >= r.low && n <= r.high {
			return r.n
		}
	}
	return -1
}

func lowered(x *Ctx, b []byte) []byte {
	at := len(x.Scratch)
	x.Scratch = appendLower(x.Scratch, b)
	return x.Scratch[at:]
}

// among looks at one pattern after the other.
func (p *patterns) among(b []byte) int {
	for i := range p.texts {
		t, ok := p.texts[i].b, false
		switch p.kind {
		case matchSub:
			ok = bytes.Contains(b, t)
		case matchDir:
			ok = hasElement(b, t, "/?")
		case matchDom:
			ok = hasElement(b, t, "/?.:")
		}
		if ok {
			return p.texts[i].n
		}
	}
	return -1
}

// hasElement says whether t stands in b between separators or the ends.
// Separators at the ends of t do not count.
func hasElement(b, t []byte, separators string) bool {
	if t = bytes.Trim(t, separators); len(t) == 0 {
		return false
	}
	for at := 0; at+len(t) <= len(b); at++ {
		i := bytes.Index(b[at:], t)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(t)
		if (at == 0 || isOneOf(b[at-1], separators)) && (end == len(b) || isOneOf(b[end], separators)) {
			return true
		}
	}
	return false
}

func isOneOf(c byte, set string) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}
