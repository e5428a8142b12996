package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const referenceHead = `# Reference

Generated from the keyword table by ` + "`bascule doc --reference`" + `; do not edit.

A keyword is *done*, *without meaning here* (accepted, and nothing follows from it) or *planned* (known, and refused by name in
` + "`-c`" + ` and at start); HAProxy itself has *removed* some, which are refused with their successor. Times are in milliseconds, or have a unit: us, ms, s, m, h, d. Sizes are in bytes, or have a unit: k, m, g.
Examples are parsed by a test. A number must be one: where HAProxy reads ` + "`maxconn x`" + ` as 0, it is an ALERT here.
`

// WriteReference writes docs/reference.md.
func WriteReference(w io.Writer) error {
	out := bufio.NewWriter(w)
	out.WriteString(referenceHead)
	all := entries()
	writeSums(out, all)
	for _, part := range parts {
		var done, others []entry
		for _, e := range all {
			switch {
			case e.kind != part:
			case e.status == Done:
				done = append(done, e)
			default:
				others = append(others, e)
			}
		}
		fmt.Fprintf(out, "\n## %s\n", part)
		if len(done) > 0 && len(done[0].places) > 0 {
			writeLong(out, done)
		} else {
			writeTable(out, done)
		}
		writeOthers(out, others)
	}
	return out.Flush()
}

// writeSums is the table of how many keywords of each part are done.
func writeSums(out *bufio.Writer, all []entry) {
	out.WriteString("\n| part | done | without meaning here | planned |\n|---|---|---|---|\n")
	for _, part := range parts {
		var n [Removed + 1]int
		for _, e := range all {
			if e.kind == part {
				n[e.status]++
			}
		}
		fmt.Fprintf(out, "| %s | %d | %d | %d |\n", part, n[Done], n[Without], n[Planned])
	}
}

// writeLong gives every keyword a heading of its own.
func writeLong(out *bufio.Writer, list []entry) {
	for _, e := range list {
		fmt.Fprintf(out, "\n### %s\n\n`%s`\n\n%s", e.name, e.usage, e.text)
		fmt.Fprintf(out, " In: %s.\n", strings.Join(e.places, ", "))
		if e.differs != "" {
			fmt.Fprintf(out, "\n**Differs from HAProxy:** %s\n", e.differs)
		}
		fmt.Fprintf(out, "\n    %s\n", strings.ReplaceAll(e.example, "\n", "\n    "))
	}
}

// writeTable gives every keyword a row.
func writeTable(out *bufio.Writer, list []entry) {
	if len(list) == 0 {
		return
	}
	out.WriteString("\n| keyword | what it does | example |\n|---|---|---|\n")
	for _, e := range list {
		example := ""
		if e.example != "" {
			example = code(e.example)
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", code(e.usage), cell(e.text), example)
	}
}

// writeOthers lists what is not done, grouped by its reason.
func writeOthers(out *bufio.Writer, list []entry) {
	for _, status := range []Status{Without, Planned, Removed} {
		var reasons []string
		names := map[string][]string{}
		for _, e := range list {
			if e.status != status {
				continue
			}
			if names[e.why] == nil {
				reasons = append(reasons, e.why)
			}
			names[e.why] = append(names[e.why], code(e.name))
		}
		if len(reasons) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n**%s:**\n\n", strings.ToUpper(status.String()[:1])+status.String()[1:])
		for _, why := range reasons {
			title := why
			if title == "" {
				title = "not built yet"
			}
			fmt.Fprintf(out, "- %s: %s\n", title, strings.Join(names[why], ", "))
		}
	}
}

// code quotes a keyword for Markdown, inside a table too.
func code(s string) string {
	fence := "`"
	if strings.Contains(s, "`") {
		fence = "``"
	}
	return fence + cell(s) + fence
}

// cell keeps a text from ending its cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", `\|`)
}
