package rule

import (
	"bytes"
	"net/netip"
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
type patterns struct {
	kind     matchKind
	fold     bool
	exact    bool                // methods: -i has no effect on whole ones (RFC 9110 §9.1)
	set      map[string]struct{} // exact strings, in lower case when fold
	texts    [][]byte            // of the other text methods, in lower case when fold
	ranges   []intRange
	prefixes []netip.Prefix
	regexes  []*regexp.Regexp
}

type intRange struct{ low, high int64 }

// match says whether the sample matches one of the patterns.
func (p *patterns) match(x *Ctx, s *Sample) bool {
	switch p.kind {
	case matchFound:
		return true
	case matchBool:
		return s.truth()
	case matchInt:
		n, ok := s.number()
		return ok && p.inRange(n)
	case matchLen:
		return p.inRange(int64(len(s.bytes(x))))
	case matchIP:
		a, ok := s.addr()
		return ok && p.inPrefix(a)
	}
	b := s.bytes(x)
	switch p.kind {
	case matchReg:
		for _, re := range p.regexes {
			if re.Match(b) {
				return true
			}
		}
		return false
	case matchStr, matchBin:
		return p.inSet(x, b)
	}
	return p.matchText(x, b)
}

func (p *patterns) inRange(n int64) bool {
	for _, r := range p.ranges {
		if n >= r.low && n <= r.high {
			return true
		}
	}
	return false
}

func (p *patterns) inPrefix(a netip.Addr) bool {
	for _, prefix := range p.prefixes {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

func (p *patterns) inSet(x *Ctx, b []byte) bool {
	if p.fold && !p.exact {
		b = lowered(x, b)
	}
	_, ok := p.set[string(b)]
	return ok
}

func lowered(x *Ctx, b []byte) []byte {
	at := len(x.Scratch)
	x.Scratch = appendLower(x.Scratch, b)
	return x.Scratch[at:]
}

func (p *patterns) matchText(x *Ctx, b []byte) bool {
	if p.fold {
		b = lowered(x, b)
	}
	for _, t := range p.texts {
		ok := false
		switch p.kind {
		case matchBeg:
			ok = bytes.HasPrefix(b, t)
		case matchEnd:
			ok = bytes.HasSuffix(b, t)
		case matchSub:
			ok = bytes.Contains(b, t)
		case matchDir:
			ok = hasElement(b, t, "/?")
		case matchDom:
			ok = hasElement(b, t, "/?.:")
		}
		if ok {
			return true
		}
	}
	return false
}

// hasElement says whether t stands in b between separators or the ends.
// Separators at the ends of t do not count.
func hasElement(b, t []byte, separators string) bool {
	t = bytes.Trim(t, separators)
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
