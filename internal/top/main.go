package top

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

const usage = `usage: bascule top [flags]

A live view of a running bascule or HAProxy: proxies and servers, their sessions, rates
and times, what happens to them, and keys to drain, stop and weigh them.

  -s, --socket SOCKET   its runtime socket: a path, or HOST:PORT
  -f FILE               or its configuration, which names one
  -p FILE               or its pidfile
  -i, --interval TIME   how often it is asked (1s)
  --once                one table on stdout, and no view
  --sort COLUMN         by state, sess, queue, req/s, err/s, p99, avg, ws or out/s
  --filter TEXT         only names and states with this text
  --ascii               no characters but those of ASCII
  --no-color            no colours; so does NO_COLOR in the environment

"?" in the view tells its keys. Exit code 0: it ended by q, 1: there is no process
to be seen, 2: wrong usage.
`

// onceWidth is for a table that is not written to a terminal: wide enough for all columns.
const onceWidth = 200

// leastInterval is the shortest pause between two polls: each costs the process a CSV.
const leastInterval = 100 * time.Millisecond

// options are the parsed arguments.
type options struct {
	socket, filter, sort string
	every                time.Duration
	once, ascii, plain   bool
	words                []string // to find the socket by
}

// A Finder gives the sockets of the process that flags (-f, -p, -S) name, or of the one
// that runs here.
type Finder func(words []string) ([]string, error)

// Main shows the view until q or a signal ends it and returns the exit code. args stand
// behind the word "top".
func Main(args []string, find Finder, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "bascule top: %v ('bascule top --help' lists what there is)\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if err := o.show(ctx, find, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "bascule top: %v\n", err)
		return 1
	}
	return 0
}

// show finds the socket and shows it.
func (o *options) show(ctx context.Context, find Finder, stdin io.Reader, stdout io.Writer) error {
	if o.socket == "" {
		sockets, err := find(o.words)
		if err != nil {
			return err
		}
		if len(sockets) == 0 {
			return errors.New("the process has no runtime socket: give it a 'stats socket' in section global")
		}
		o.socket = sockets[0]
	}
	o.socket = strings.TrimPrefix(o.socket, "unix@")
	in, inOK := stdin.(*os.File)
	out, outOK := stdout.(*os.File)
	tty := outOK && term.IsTerminal(int(out.Fd()))
	look := Look{Colour: tty && !o.plain && os.Getenv("NO_COLOR") == "", ASCII: o.ascii || !utf8Locale(os.Getenv)}
	if o.once {
		width := onceWidth
		if tty {
			if w, _, err := term.GetSize(int(out.Fd())); err == nil && w > 0 {
				width = w
			}
		}
		return once(ctx, o, look, width, stdout)
	}
	if !inOK || !tty || !term.IsTerminal(int(in.Fd())) || os.Getenv("TERM") == "dumb" {
		return errors.New("this is not a terminal; --once prints a table")
	}
	return run(ctx, o, look, in, out)
}

// utf8Locale says whether the terminal is told to show UTF-8.
func utf8Locale(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(env(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

func parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("top", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{"s", "socket"} {
		flags.StringVar(&o.socket, name, "", "")
	}
	for _, name := range []string{"i", "interval"} {
		flags.DurationVar(&o.every, name, time.Second, "")
	}
	for _, name := range []string{"f", "p", "S"} {
		flags.Func(name, "", func(v string) error { o.words = append(o.words, "-"+name, v); return nil })
	}
	flags.BoolVar(&o.once, "once", false, "")
	flags.StringVar(&o.sort, "sort", "", "")
	flags.StringVar(&o.filter, "filter", "", "")
	flags.BoolVar(&o.ascii, "ascii", false, "")
	flags.BoolVar(&o.plain, "no-color", false, "")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %s", flags.Arg(0))
	case o.every < leastInterval:
		return nil, fmt.Errorf("an interval is at least %v", leastInterval)
	case o.sort != "" && !slices.ContainsFunc(columns, func(c column) bool { return c.title == o.sort && c.order != nil }):
		return nil, fmt.Errorf("no column %q to sort by", o.sort)
	}
	return o, nil
}
