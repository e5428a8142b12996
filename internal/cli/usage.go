package cli

import (
	"fmt"
	"io"
)

const usageText = `Usage : bascule [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ]
        [ -p <pidfile> ] [ -C <dir> ] [-- <cfgfile>*]
        -f reads a file, or the *.cfg files of a directory, sorted by name
        -c checks the files and exits: 0 valid, 1 errors, 2 no listener
        -cc <condition> evaluates a condition as in .if and exits
        -v shows the version ; -vv what it was built with
        -D goes to the background ; -db and -d stay in the foreground
        -W starts a master that keeps pid, sockets and privileges, and a worker
        -Ws the same, telling systemd
        -S <bind>[,<option>,<value>]* opens the master's socket
        -p writes the pid to this file
        -C changes to this directory before anything is read
        -n limits client connections
        -q says nothing ; -V says more
        -sf/-st <pid>* lets these processes finish, or terminates them, once started
        -dW fails if there is any warning ; -dD also warns of what is only suspicious
        -L, -N, -m, -x and other -d… of HAProxy are accepted and have no meaning here

Commands : bascule run [flags]            the same as without a command
           bascule check [flags] <file>*  the same as -c ; --json for programs,
                                          --advice for what is accepted and regretted
           bascule explain 'GET /path' [-H 'Name: value']* -f <file>
                                          what would become of a request, and why ; --frontend,
                                          --src, --http-version, -d <body>, --down <server>, --json
           bascule doc <keyword>          what a keyword means ; --status lists all, --advice the advice
           bascule reload [-S <socket>] [-s <socket>] [-p <pidfile>] [-f <file>]*
                                          --dry-run tells what would change, --forget drops
                                          what was set at run time
           bascule top [-s <socket>]      a live view of a running bascule or HAProxy ; --once prints a table
           bascule demo | drill | fleet   a fleet to try, faults to survive, its servers
           bascule version
`

// usage says what is wrong with the arguments, and where the right ones stand; it
// returns the exit code.
func usage(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "bascule: %s ('bascule --help' lists what there is)\n", err)
	return 1
}
