package advice

import (
	"bufio"
	"fmt"
	"io"
)

// WritePage writes docs/advice.md.
func WritePage(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, pageHead)
	for _, a := range table {
		fmt.Fprintf(out, "\n## %s\n%s %s\n\nWrite: %s.\n", a.ID, a.What, a.Why, a.Instead)
	}
	return out.Flush()
}

const pageHead = `# Advice

What HAProxy accepts and its user regrets. ` + "`bascule check --advice FILE`" + ` prints what of it applies to a configuration, with
the line; with ` + "`--json`" + ` the entries have ` + "`\"level\": \"advice\"`" + ` and the id below. Advice never changes a verdict or an exit code.
This page is made from the table that the command uses (` + "`internal/advice/table.go`" + `).
`
