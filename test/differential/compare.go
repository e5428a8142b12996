package main

import (
	"fmt"
	"slices"
	"strings"
)

// A difference is where two proxies did not do the same with an exchange.
type difference struct {
	what         string // replies, servers or log
	ours, theirs string
	known        []string // the allowances that make them the same; none: they are not
}

// compare lists the differences of an exchange, part by part.
func compare(e exchange, ours, theirs seen) []difference {
	var all []difference
	for _, part := range []struct {
		what         string
		ours, theirs []string
	}{
		{"replies", ours.replies, theirs.replies},
		{"servers", ours.servers, theirs.servers},
		{"log", ours.log, theirs.log},
	} {
		for i := range max(len(part.ours), len(part.theirs)) {
			d := difference{what: part.what, ours: at(part.ours, i), theirs: at(part.theirs, i)}
			if d.ours != d.theirs {
				d.allow(e.of(i, d))
				all = append(all, d)
			}
		}
	}
	return all
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// of finds the request that line i of a part belongs to: by its id, or by its
// place where the id does not show.
func (e exchange) of(i int, d difference) request {
	for _, r := range e.requests {
		if strings.Contains(d.ours+d.theirs, "x-id: "+r.id+"\n") || strings.Contains(d.ours+d.theirs, "{"+r.id+"|") {
			return r
		}
	}
	return e.requests[min(i, len(e.requests)-1)]
}

// allow applies what is known to differ to both sides and notes what it took,
// if they are the same then.
func (d *difference) allow(r request) {
	ours, theirs := d.ours, d.theirs
	var took []string
	for _, a := range allowances {
		if a.what != d.what {
			continue
		}
		o, t := a.plain(r, ours), a.plain(r, theirs)
		if (o != ours || t != theirs) && (o == t || (o != ours) != (t != theirs)) && ours != theirs {
			took = append(took, a.why)
		}
		ours, theirs = o, t
	}
	if d.what == "replies" && strings.HasPrefix(d.theirs, "HTTP/1.1 10") && cut.ReplaceAllString(ours, "") == cut.ReplaceAllString(theirs, "") && size(theirs) < size(ours) {
		ours, took = theirs, append(took, "haproxy loses the end of a reply behind an interim one")
	}
	if ours == theirs {
		d.known = took
	}
}

// size is that of the body in a reply as it is compared.
func size(reply string) (n int) {
	if i := strings.LastIndex(reply, "\n["); i >= 0 {
		_, _ = fmt.Sscanf(reply[i:], "\n[%d", &n) // 0: there is none
	}
	return n
}

// String shows both sides.
func (d difference) String() string {
	return fmt.Sprintf("%s:\n   bascule %q\n   haproxy %q", d.what, d.ours, d.theirs)
}

// without leaves out the fields of a plain head that drop says.
func without(head string, drop func(field string) bool) string {
	lines := strings.Split(head, "\n")
	return strings.Join(append(lines[:1:1], slices.DeleteFunc(lines[1:], drop)...), "\n")
}
