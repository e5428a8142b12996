package admin

import (
	"slices"
	"strings"

	"bascule/internal/lang"
)

// maxSuggestions is how many commands an unknown one is answered with, as
// HAProxy does.
const maxSuggestions = 5

// suggest returns the commands that an unknown one may have meant: those that
// begin so, else those with the same first word or the nearest to it, the
// nearest by their other words first.
func (t *table) suggest(args []string) []Command {
	if len(args) == 0 {
		return nil
	}
	if list := t.matching(args); len(list) > 0 {
		return list
	}
	var firsts []string
	for _, c := range t.list {
		firsts = append(firsts, strings.Fields(c.Words)[0])
	}
	first := lang.Nearest(args[0], firsts)
	var list []Command
	for i, c := range t.list {
		if first != "" && firsts[i] == first {
			list = append(list, c)
		}
	}
	slips := func(c Command) int {
		words := strings.Fields(c.Words)
		n := min(len(words), len(args))
		return lang.Slips(strings.Join(args[1:n], " "), strings.Join(words[1:n], " "))
	}
	slices.SortStableFunc(list, func(a, b Command) int { return slips(a) - slips(b) })
	return list[:min(len(list), maxSuggestions)]
}
