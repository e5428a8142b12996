package admin

import (
	"strings"

	"bascule/internal/lang"
)

// maxSuggestions is how many commands an unknown one is answered with, as
// HAProxy does.
const maxSuggestions = 5

// suggest returns the commands that an unknown one may have meant: those that
// begin with the same words, else the nearest by spelling.
func (t *table) suggest(args []string) []Command {
	for n := len(args); n > 0; n-- {
		if list := t.matching(args[:n]); len(list) > 0 {
			if n < len(args) {
				return t.spelled(list, args[n], n)
			}
			return list
		}
	}
	if len(args) == 0 {
		return nil
	}
	return t.spelled(t.list, args[0], 0)
}

// spelled keeps of list the commands whose n-th word is the nearest to word;
// all of a short list if none is near.
func (t *table) spelled(list []Command, word string, n int) []Command {
	var words []string
	for _, c := range list {
		if f := strings.Fields(c.Words); n < len(f) {
			words = append(words, f[n])
		}
	}
	near := lang.Nearest(word, words)
	var kept []Command
	for _, c := range list {
		if f := strings.Fields(c.Words); near != "" && n < len(f) && f[n] == near {
			kept = append(kept, c)
		}
	}
	if len(kept) > maxSuggestions {
		kept = kept[:maxSuggestions]
	}
	return kept
}
