package cli

import (
	"io"

	"bascule/internal/top"
)

// packagedSockets are where the packages of bascule and HAProxy put the runtime socket.
var packagedSockets = []string{"/run/bascule/admin.sock", "/run/bascule.sock", "/run/haproxy/admin.sock"}

// topCommand is "bascule top".
func topCommand(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return top.Main(args, runtimeSockets, stdin, stdout, stderr)
}

// runtimeSockets finds the process that -f or -p names, and else one at a usual place.
func runtimeSockets(words []string) ([]string, error) {
	f, err := parseFlags(words)
	if err != nil {
		return nil, err
	}
	socket, err := f.runtimeSocket()
	if err != nil {
		return nil, err
	}
	return []string{socket}, nil
}
