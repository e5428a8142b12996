// Package demo is `bascule demo`: the active/active deployment on this machine under a
// light load, in a live view with keys that break and mend it, or as plain lines.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"bascule/internal/drill"
)

const usage = `usage: bascule demo [flags]

Starts two API servers, two stream servers and the balancer on loopback, each a process
of its own, a light load of users, listeners and chat clients, and shows what happens.
In a terminal it is a live view with keys; otherwise a line each second. Exit code 0:
nothing was lost, 1: a request or a message was, 2: wrong usage.

  --for TIME             end after this time, such as 20s
  --kill NAME@TIME       kill -9 a server at a time after the start (repeatable)
  --start NAME@TIME      start it again
  --drain NAME@TIME      set its state to drain
  --ready NAME@TIME      set its state to ready
  --reload TIME          reload the configuration
  --balancer PATH        run this HAProxy instead of bascule, to compare
  --inter TIME           check interval instead of the deployment's 5s
  --redis ADDR           use this Redis instead of an embedded one
  --http ADDR            address of the site, if it is free (127.0.0.1:8080)
  --https ADDR           address of the site over TLS, if it is free (127.0.0.1:8443)
  --stats ADDR           address of the stats page, if it is free (127.0.0.1:9100)
  --plain                plain lines in a terminal too

Servers: backend-api-1 backend-api-2 stream-server-1 stream-server-2
`

// options are the parsed arguments.
type options struct {
	lab      drill.LabOptions
	lasts    time.Duration // 0: until somebody ends it
	plain    bool
	schedule []action
}

// Main runs the demo until its time is over, a key or a signal ends it. It returns 0, or
// 1 when something was lost or the demo could not run, or 2 for wrong usage. args start
// behind the word "demo". A live view needs stdin and stdout to be terminals.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opt, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "bascule demo: %v ('bascule demo --help' lists what there is)\n", err)
		return 2
	}
	// The second signal is for the impatient: it ends the accounting at the end.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	in, out, ok := terminals(stdin, stdout)
	if opt.plain {
		ok = false
	}
	run := func(ctx context.Context, d *demo) error { return d.plain(ctx, stdout) }
	if ok {
		run = func(ctx context.Context, d *demo) error { return d.view(ctx, in, out) }
	}
	lost, err := start(ctx, opt, stdout, run)
	if err != nil {
		fmt.Fprintf(stderr, "bascule demo: %v\n", err)
		return 1
	}
	if lost {
		return 1
	}
	return 0
}

// terminals returns stdin and stdout as files when both are terminals that can be drawn
// on.
func terminals(stdin io.Reader, stdout io.Writer) (in, out *os.File, ok bool) {
	in, inOK := stdin.(*os.File)
	out, outOK := stdout.(*os.File)
	ok = inOK && outOK && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) && os.Getenv("TERM") != "dumb"
	return in, out, ok
}

func parse(args []string) (options, error) {
	var opt options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.DurationVar(&opt.lasts, "for", 0, "")
	flags.BoolVar(&opt.plain, "plain", false, "")
	flags.StringVar(&opt.lab.Balancer, "balancer", "", "")
	flags.DurationVar(&opt.lab.Inter, "inter", 0, "")
	flags.StringVar(&opt.lab.Redis, "redis", "", "")
	flags.StringVar(&opt.lab.HTTP, "http", "127.0.0.1:8080", "")
	flags.StringVar(&opt.lab.HTTPS, "https", "127.0.0.1:8443", "")
	flags.StringVar(&opt.lab.Stats, "stats", "127.0.0.1:9100", "")
	for _, verb := range verbs {
		flags.Func(verb, "", func(text string) error {
			planned, err := parseAction(verb, text)
			opt.schedule = append(opt.schedule, planned)
			return err
		})
	}
	if err := flags.Parse(args); err != nil {
		return opt, err
	}
	if flags.NArg() > 0 {
		return opt, fmt.Errorf("unexpected argument %s", flags.Arg(0))
	}
	if opt.lasts < 0 {
		return opt, errors.New("--for: want a time above 0")
	}
	var err error
	opt.lab.Balancer, err = drill.Executable(opt.lab.Balancer)
	return opt, err
}
