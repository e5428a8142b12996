package rule

import (
	"regexp"
	"regexp/syntax"
)

// replaceMatches appends b with the first match of re, or all, replaced.
//
// What is left behind a match is looked at as a text of its own, as HAProxy does,
// but for its beginning, which ^ does not mean: rest is re without its ^.
func replaceMatches(dst, b []byte, re, rest *regexp.Regexp, template string, all bool) []byte {
	at := 0
	for at <= len(b) {
		if at > 0 {
			re = rest
		}
		loc := re.FindSubmatchIndex(b[at:])
		if loc == nil {
			break
		}
		dst = append(dst, b[at:at+loc[0]]...)
		dst = expand(dst, b[at:], loc, template)
		next := at + loc[1]
		if loc[1] == loc[0] { // an empty match: go on behind the next byte
			if next < len(b) {
				dst = append(dst, b[next])
			}
			next++
		}
		at = next
		if !all {
			break
		}
	}
	if at < len(b) {
		dst = append(dst, b[at:]...)
	}
	return dst
}

// expand appends template with \0 … \9 replaced by what the groups matched;
// \xHH is a byte, and another character behind a backslash stands for itself.
func expand(dst, b []byte, loc []int, template string) []byte {
	for i := 0; i < len(template); i++ {
		c := template[i]
		if c != '\\' || i+1 == len(template) {
			dst = append(dst, c)
			continue
		}
		i++
		switch c = template[i]; {
		case c >= '0' && c <= '9':
			if n := 2 * int(c-'0'); n+1 < len(loc) && loc[n] >= 0 {
				dst = append(dst, b[loc[n]:loc[n+1]]...)
			}
		case c == 'x' && i+2 < len(template):
			hi, ok1 := unhex(template[i+1])
			lo, ok2 := unhex(template[i+2])
			if ok1 && ok2 {
				c, i = hi<<4|lo, i+2
			}
			dst = append(dst, c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// withoutBegin is re where ^ never matches; re itself if it has none.
func withoutBegin(re *regexp.Regexp) *regexp.Regexp {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil || !noBegin(tree) {
		return re
	}
	out, err := regexp.Compile(tree.String())
	if err != nil {
		return re
	}
	return out
}

// noBegin makes every ^ of the tree something that never matches and says
// whether there was one.
func noBegin(tree *syntax.Regexp) (found bool) {
	if tree.Op == syntax.OpBeginText {
		tree.Op = syntax.OpNoMatch
		return true
	}
	for _, sub := range tree.Sub {
		found = noBegin(sub) || found
	}
	return found
}
