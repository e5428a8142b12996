package engine

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Complain writes what went wrong in the shape of HAProxy's alerts, each line
// of the error as one. Lines that have a shape already, and what stands below
// them, stay as they are.
func Complain(w io.Writer, err error) {
	shaped := false
	for _, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		if shaped = shaped || strings.HasPrefix(line, "["); shaped {
			fmt.Fprintln(w, line)
			continue
		}
		fmt.Fprintf(w, "[ALERT]    (%d) : %s\n", os.Getpid(), line)
	}
}
