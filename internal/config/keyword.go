package config

import (
	"strings"

	"bascule/internal/lang"
)

// A Section is a set of places where a keyword may stand.
type Section uint8

// The places.
const (
	InGlobal Section = 1 << iota
	InDefaults
	InFrontend
	InBackend
	OnBind   // an option of a bind line
	OnServer // an option of a server line
	InOther  // a section that is not read yet
)

const (
	inProxy = InDefaults | InFrontend | InBackend
	inFront = InDefaults | InFrontend
	inBack  = InDefaults | InBackend
)

// A Status says what a keyword does here.
type Status uint8

// The statuses.
const (
	Done    Status = iota
	Without        // accepted, without meaning here
	Planned        // known, refused
	Removed        // HAProxy itself had it once; refused
)

func (s Status) String() string {
	return [...]string{"done", "without meaning here", "planned", "removed"}[s]
}

// A Keyword is one record of the keyword table: the parser, the manual and the
// suggestions are made from it.
type Keyword struct {
	Name    string // one to three words
	In      Section
	Status  Status
	Usage   string // arguments, the name left out
	Text    string // what it does, a sentence or two
	Example string // complete lines for the section; parsed by a test
	Why     string // planned, without meaning: the reason
	Differs string // how it differs from HAProxy
	No      bool   // "no KEYWORD" is legal
	// How HAProxy treats it in a proxy of the other side: a warning, or an alert.
	Strict bool
	Parens bool // the name may go on in parentheses: set-var(check.x)
	Values int  // words that an option of a bind or server line takes
	parse  func(*line)
	option func(*options) // of OnBind and OnServer
}

// A keywordTable finds keywords by the words of a line.
type keywordTable struct {
	all      []*Keyword
	byName   map[string][]*Keyword // one name may mean different things in different sections
	families map[string]bool       // "timeout", "option httpchk": beginnings of longer names
}

func newTable(lists ...[]Keyword) *keywordTable {
	t := &keywordTable{byName: map[string][]*Keyword{}, families: map[string]bool{}}
	for _, list := range lists {
		for i := range list {
			kw := &list[i]
			t.all = append(t.all, kw)
			t.byName[kw.Name] = append(t.byName[kw.Name], kw)
			for j, c := range kw.Name {
				if c == ' ' {
					t.families[kw.Name[:j]] = true
				}
			}
		}
	}
	return t
}

// find is the keyword with the longest name that words begin with and that may
// stand in one of the places; n is how many words the name takes. other is one
// that matches but belongs elsewhere.
func (t *keywordTable) find(words []lang.Word, in Section) (kw *Keyword, n int, other *Keyword) {
	for n = min(3, len(words)); n > 0; n-- {
		name := joined(words[:n])
		last, _, parens := strings.Cut(words[n-1].Text, "(")
		if parens {
			name = strings.TrimSpace(joined(words[:n-1]) + " " + last)
		}
		for _, k := range t.byName[name] {
			if parens && !k.Parens {
				continue
			}
			if k.In&in != 0 {
				return k, n, nil
			}
			other = k
		}
	}
	return nil, 0, other
}

// names lists the keywords of the places. With a family ("option") it lists the
// words that may follow it, else first words.
func (t *keywordTable) names(in Section, family string) []string {
	var names []string
	seen := map[string]bool{}
	for _, k := range t.all {
		if k.In&in == 0 || k.Status == Removed {
			continue
		}
		name := k.Name
		if family != "" {
			rest, ok := strings.CutPrefix(name, family+" ")
			if !ok {
				continue
			}
			name = rest
		}
		name, _, _ = strings.Cut(name, " ")
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func joined(words []lang.Word) string {
	if len(words) == 0 {
		return ""
	}
	if len(words) == 1 {
		return words[0].Text
	}
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}
