package cert

import (
	"errors"
	"strconv"
	"strings"
)

// An Entry is a certificate of a bind, with the names that it is shown for and what
// its handshakes are made by.
type Entry struct {
	*Certificate
	Filters []string // SNI filters: "*.web.test", "!not.web.test"; nil: the certificate's own names
	Own     *Options // instead of the bind's; nil: those
	List    string   // the crt-list that it stands in; "": crt
	Line    int      // there
	Words   []string // its options there, as they stand; nil: no brackets
	Default bool     // default-crt
	added   bool     // at run time
}

// Text is the line of a crt-list, as it could stand there, with its number behind the
// certificate's file where that is asked for.
func (e *Entry) Text(number bool) string {
	words := []string{e.Path}
	if number {
		words[0] += ":" + strconv.Itoa(e.Line)
	}
	if e.Words != nil {
		words = append(words, "["+strings.Join(e.Words, " ")+"]")
	}
	return strings.Join(append(words, e.Filters...), " ")
}

// shown are the names that the certificate is shown for, and those that its wildcards
// do not cover. As in HAProxy a wildcard is never excluded, and "*" alone is no name.
func (e *Entry) shown() (names, not []string) {
	if e.Filters == nil {
		return e.Names, nil
	}
	for _, f := range e.Filters {
		name, negative := strings.CutPrefix(strings.ToLower(f), "!")
		switch {
		case negative && !strings.HasPrefix(name, "*"):
			not = append(not, name)
		case !negative && name != "*":
			names = append(names, name)
		}
	}
	return names, not
}

// A ListLine is a line of a crt-list (HAProxy, crt-list).
type ListLine struct {
	Path    string
	Options []string // the words between [ and ]
	Bracket bool     // they are there, if empty
	Filters []string // nil: none
	// The filters stand in front of the options, where they are not read.
	Misplaced bool
}

// ParseListLine reads one line of a crt-list; Path is empty where there is nothing to
// read. The errors are HAProxy's.
func ParseListLine(text string) (l ListLine, err error) {
	if strings.HasPrefix(text, "#") {
		return l, nil
	}
	head, rest, open := strings.Cut(text, "[")
	if strings.ContainsRune(head, ']') {
		return l, errors.New("missing '['")
	}
	words := strings.Fields(head)
	if len(words) == 0 {
		if open {
			return l, errors.New("file must start with a cert")
		}
		return l, nil
	}
	l.Path, words = words[0], words[1:]
	if !open {
		if len(words) > 0 {
			l.Filters = words
		}
		return l, nil
	}
	options, filters, closed := strings.Cut(rest, "]")
	switch {
	case strings.ContainsRune(rest, '['):
		return l, errors.New("too many '['")
	case !closed:
		return l, errors.New("missing ']'")
	case strings.ContainsRune(filters, ']'):
		return l, errors.New("too many ']'")
	}
	l.Bracket, l.Misplaced = true, len(words) > 0
	l.Options = strings.Fields(options)
	if words = strings.Fields(filters); len(words) > 0 {
		l.Filters = words
	}
	return l, nil
}
