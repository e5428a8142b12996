package hostile

import (
	"slices"
	"strings"
	"testing"
)

// The options under which both programs let more pass. bascule knows the newer
// names too.
var looseOptions = []string{"option accept-invalid-http-request", "option accept-invalid-http-response"}

// A change is what becomes of a row under the options; "" is as without them.
type change struct{ want, haproxy, why string }

// TestLooseRequests sends the whole table again: what is not among the changes
// must be as it is without the options.
func TestLooseRequests(t *testing.T) {
	t.Parallel()
	ours, theirs := startSite(t, bascule, looseOptions...), startSite(t, haproxy(t), looseOptions...)
	met := 0
	t.Run("rows", func(t *testing.T) {
		for _, table := range requests {
			for _, r := range table {
				c, ok := looseRequests[r.name]
				if ok {
					met++
				}
				t.Run(r.name, func(t *testing.T) {
					t.Parallel()
					c.check(t, r.name, r.want, r.haproxy,
						func(want string) string { return ours.probe(t, r.send, alone, want) },
						func(want string) string { return theirs.probe(t, r.send, alone, want) })
				})
			}
		}
	})
	if met != len(looseRequests) {
		t.Errorf("%d of %d changes are about a row", met, len(looseRequests))
	}
}

// TestLooseReplies is the same for replies.
func TestLooseReplies(t *testing.T) {
	t.Parallel()
	ours, theirs := startSite(t, bascule, looseOptions...), startSite(t, haproxy(t), looseOptions...)
	met := 0
	t.Run("rows", func(t *testing.T) {
		for _, table := range answers {
			for _, a := range table {
				c, ok := looseReplies[a.name]
				if ok {
					met++
				}
				t.Run(a.name, func(t *testing.T) {
					t.Parallel()
					c.check(t, a.name, a.want, a.haproxy,
						func(want string) string { return ours.provoke(t, a, want) },
						func(want string) string { return theirs.provoke(t, a, want) })
				})
			}
		}
	})
	if met != len(looseReplies) {
		t.Errorf("%d of %d changes are about a row", met, len(looseReplies))
	}
}

// check compares both programs with the change of a row, whose outcomes without
// the options are strict and theirs ("": the same).
func (c change) check(t *testing.T, name, strict, theirs string, ourProbe, theirProbe func(string) string) {
	t.Helper()
	ours := strict
	if theirs == "" {
		theirs = strict
	}
	if c.want != "" {
		ours = c.want
		if c.why == "" {
			theirs = c.want
		}
	}
	if c.haproxy != "" {
		theirs = c.haproxy
	}
	if got := ourProbe(ours); got != ours {
		t.Errorf("%s, alone:\n got %q\nwant %q", name, got, ours)
	}
	if got := theirProbe(theirs); !slices.Contains(strings.Split(theirs, " or "), got) {
		t.Errorf("%s, haproxy:\n got %q\nwant %q", name, got, theirs)
	}
}
