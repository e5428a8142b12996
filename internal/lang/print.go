package lang

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// maxAllowed bounds the list behind "allowed": more words than this help nobody.
const maxAllowed = 24

var tags = [...]string{Diag: "[DIAG]     ", Notice: "[NOTICE]   ", Warning: "[WARNING]  ", Alert: "[ALERT]    "}

// Write prints problems in the order they were found. The first line of each
// has HAProxy's shape, because programs look for it; below stand the line of the
// file, a caret, and hints, all indented by blanks.
func (p *Problems) Write(w io.Writer, pid int) error {
	out := bufio.NewWriter(w)
	for i := range p.List {
		var b strings.Builder
		p.List[i].write(&b, pid)
		out.WriteString(printable(b.String()))
	}
	return out.Flush()
}

func (q *Problem) write(out *strings.Builder, pid int) {
	fmt.Fprintf(out, "%s(%d) : config : ", tags[q.Severity], pid)
	if q.Pos.File != "" && q.Shape != Whole {
		if q.Shape == Parsing {
			out.WriteString("parsing ")
		}
		fmt.Fprintf(out, "[%s:%d] : ", q.Pos.File, q.Pos.Line)
	}
	out.WriteString(strings.TrimRight(q.Text, "\n"))
	out.WriteByte('\n')
	q.excerpt(out)
	if q.Near != "" {
		fmt.Fprintf(out, "      = did you mean: %s\n", q.Near)
	}
	if len(q.Allowed) > 0 {
		fmt.Fprintf(out, "      = allowed: %s\n", q.AllowedText())
	}
	if len(q.Where) > 0 {
		fmt.Fprintf(out, "      = allowed in: %s\n", strings.Join(q.Where, ", "))
	}
}

// AllowedText lists the words that would be legal, or the first of many.
func (q *Problem) AllowedText() string {
	if n := len(q.Allowed); n > maxAllowed {
		return fmt.Sprintf("%s, and %d more", strings.Join(q.Allowed[:maxAllowed], ", "), n-maxAllowed)
	}
	return strings.Join(q.Allowed, ", ")
}

// excerpt prints the line of the file and marks the word.
func (q *Problem) excerpt(out *strings.Builder) {
	if q.Line == "" {
		return
	}
	number := fmt.Sprintf("%5d", q.Pos.Line)
	fmt.Fprintf(out, "%s | %s\n", number, q.Line)
	if q.Pos.Col < 1 || q.Pos.Col > len(q.Line)+1 {
		return
	}
	pad := strings.Map(func(r rune) rune {
		if r != '\t' {
			return ' '
		}
		return r
	}, q.Line[:q.Pos.Col-1])
	length := max(1, min(q.Len, len(q.Line)-q.Pos.Col+1))
	fmt.Fprintf(out, "      | %s%s\n", pad, strings.Repeat("^", length))
}

// printable replaces control bytes, so that a file cannot steer the terminal:
// not by its lines, and not by words that were written with escapes.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
