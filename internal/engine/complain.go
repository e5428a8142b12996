package engine

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Complain writes what went wrong in the shape of HAProxy's alerts, each line
// of the error as one.
func Complain(w io.Writer, err error) {
	for _, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		fmt.Fprintf(w, "[ALERT]    (%d) : %s\n", os.Getpid(), line)
	}
}
