package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"bascule/internal/lang"
)

// Doc writes what is known about a keyword: every kind that has the name, or a
// last word of that name ("forwardfor"). It returns false, and writes the
// nearest names, when there is none.
func Doc(w io.Writer, keyword string) bool {
	out := bufio.NewWriter(w)
	defer func() { _ = out.Flush() }() // a closed terminal is no error of ours
	keyword = strings.Join(strings.Fields(keyword), " ")
	var names []string
	found := 0
	for _, e := range entries() {
		names = append(names, e.name)
		if e.name == keyword || e.inPlace() == keyword || strings.HasSuffix(e.name, " "+keyword) || strings.HasPrefix(e.name, keyword+" ") {
			if found > 0 {
				fmt.Fprintln(out)
			}
			e.write(out)
			found++
		}
	}
	if found > 0 {
		return true
	}
	fmt.Fprintf(out, "unknown keyword '%s'", keyword)
	if near := lang.Nearest(keyword, names); near != "" {
		fmt.Fprintf(out, "; did you mean '%s' maybe ?", near)
	}
	fmt.Fprintln(out)
	return false
}

// inPlace is an entry's name behind the word that its line begins with: "server
// weight", "http-request set-header"; of others it is "".
func (e *entry) inPlace() string {
	name, _, _ := strings.Cut(e.name, "*")
	switch set, isAction := strings.CutPrefix(e.kind, "Actions of "); {
	case isAction:
		return set + " " + name
	case e.kind == partBind:
		return "bind " + name
	case e.kind == partServer:
		return "server " + name
	}
	return ""
}

// write shows one entry on a terminal.
func (e *entry) write(out *bufio.Writer) {
	fmt.Fprintln(out, e.usage)
	fmt.Fprintf(out, "    %s: %s\n", e.kind, e.status)
	if len(e.places) > 0 {
		fmt.Fprintf(out, "    in: %s\n", strings.Join(e.places, ", "))
	}
	if e.text != "" {
		fmt.Fprintf(out, "    %s\n", e.text)
	}
	if e.why != "" {
		fmt.Fprintf(out, "    %s.\n", e.why)
	}
	if e.differs != "" {
		fmt.Fprintf(out, "    differs from HAProxy: %s\n", e.differs)
	}
	if e.example != "" {
		fmt.Fprintf(out, "    example:\n        %s\n", strings.ReplaceAll(e.example, "\n", "\n        "))
	}
}

// DocStatus lists every keyword with its status, a line each, and the sums.
func DocStatus(w io.Writer) error {
	out := bufio.NewWriter(w)
	sums := map[Status]int{}
	part := ""
	for _, e := range entries() {
		if e.kind != part {
			part = e.kind
			fmt.Fprintf(out, "# %s\n", part)
		}
		sums[e.status]++
		fmt.Fprintf(out, "%-22s %s", e.status, e.name)
		if e.why != "" {
			fmt.Fprintf(out, ": %s", e.why)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "# %d done, %d without meaning here, %d planned\n", sums[Done], sums[Without], sums[Planned])
	return out.Flush()
}
