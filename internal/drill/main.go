// Package drill breaks a running deployment on purpose and reports what was lost: a lab
// of real processes, a load of users who forgive nothing, and chat clients whose
// messages are counted in Redis afterwards.
package drill

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: bascule drill failover [flags]

Runs the acceptance test of the active/active deployment against two API servers, two
stream servers and the balancer, all on loopback: kills backend-api-1 and reports what
that cost. Exit code 0: nothing failed, 1: a step did, 2: wrong usage.

  --balancer PATH  run this HAProxy instead of bascule, to compare
  --chats N        chat clients that talk all the while (20)
  --inter TIME     check interval instead of the deployment's 5s
  --redis ADDR     use this Redis instead of an embedded one
  --tls            over TLS, with a certificate that the drill makes
  --json           print one JSON object for each step, and one for the outcome

Against a deployment that runs, nothing is started; what was stopped is started again:

  --site URL       the balancer, the only address that gets traffic
  --runtime SOCKET its runtime socket: a path, or HOST:PORT
  --stop LINE      line for /bin/sh that ends the victim at once: its container, its power
  --start LINE     line that starts it again
  --backend NAME   the backend of the API servers (api_pool)
  --victim NAME    the server that dies (backend-api-1); the other one has to answer
`

// Main runs a drill by its name and returns the exit code: 0 passed, 1 failed, 2 wrong
// usage. args start behind the word "drill".
func Main(args []string, stdout, stderr io.Writer) int {
	drills := map[string]command{
		"control": {usageControl, mainControl}, "failover": {usage, mainFailover}, "reload": {usageReload, mainReload},
		"limits": {usageLimits, mainLimits}, "scale": {usageScale, mainScale},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if len(args) > 0 {
		if c, ok := drills[args[0]]; ok {
			return c.main(ctx, args[1:], stdout, stderr)
		}
	}
	if len(args) > 0 && args[0] == "help" {
		fmt.Fprint(stdout, usageWhole, "\n", usageControl, "\n", usage, "\n", usageReload, "\n", usageLimits, "\n", usageScale)
		return 0
	}
	return command{usageWhole, mainWhole}.main(ctx, args, stdout, stderr)
}

// A command is a drill as it is typed.
type command struct {
	usage string
	run   func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// wrongUsage is the error of a line that says no drill.
type wrongUsage struct{ error }

func (c command) main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := c.run(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, c.usage)
		return 0
	case errors.As(err, &wrongUsage{}):
		fmt.Fprintf(stderr, "bascule drill: %v\n%s", err, c.usage)
		return 2
	}
	fmt.Fprintf(stderr, "bascule drill: %v\n", err)
	return 1
}

// parse reads the flags of a drill, behind which nothing may stand; check says what is
// wrong with them.
func parse(flags *flag.FlagSet, args []string, check func() error) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %s", flags.Arg(0))
	case err == nil:
		err = check()
	}
	if err != nil {
		return wrongUsage{err}
	}
	return nil
}

func mainFailover(ctx context.Context, args []string, stdout, _ io.Writer) error {
	o := failoverOptions{wild: FleetFile{limit: commandTimeout}}
	flags := flag.NewFlagSet("drill failover", flag.ContinueOnError)
	flags.StringVar(&o.lab.Balancer, "balancer", "", "")
	flags.StringVar(&o.lab.Redis, "redis", "", "")
	flags.DurationVar(&o.lab.Inter, "inter", 0, "")
	flags.BoolVar(&o.lab.TLS, "tls", false, "")
	flags.IntVar(&o.chats, "chats", 20, "")
	flags.StringVar(&o.wild.Site, "site", "", "")
	flags.StringVar(&o.wild.Runtime, "runtime", "", "")
	flags.StringVar(&o.wild.Backend, "backend", APIPool, "")
	flags.StringVar(&o.wild.Victim, "victim", "backend-api-1", "")
	flags.StringVar(&o.stop, "stop", "", "")
	flags.StringVar(&o.start, "start", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := parse(flags, args, func() error { return o.check(flags) }); err != nil {
		return err
	}
	show := printText
	if *asJSON {
		show = printJSON
	}
	return o.run(ctx, show(stdout))
}

// Executable finds a balancer by its name or path; an empty one stays empty.
func Executable(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		// sbin is not in every user's path, and is where distributions put HAProxy.
		if path, err2 := exec.LookPath("/usr/sbin/" + name); err2 == nil {
			return path, nil
		}
		return "", fmt.Errorf("--balancer: %w", err)
	}
	return path, nil
}

// printer shows a drill as it goes: what is run, its steps, its outcome.
type printer struct {
	begin func(balancer, site string)
	step  func(Step)
	end   func(passed bool, took time.Duration)
}

var errFailed = errors.New("failover failed")

func printText(w io.Writer) printer {
	return printer{
		begin: func(balancer, site string) {
			fmt.Fprintf(w, "failover of the active/active deployment behind %s at %s\n", balancer, site)
		},
		step: func(s Step) {
			verdict := "ok"
			if !s.OK {
				verdict = "FAILED"
			}
			limit := ""
			if s.Limit > 0 {
				limit = fmt.Sprintf(" of %.0f", s.Limit)
			}
			fmt.Fprintf(w, "%d. %-58s %-6s %7.2f s%-6s  %s\n", s.Number, s.Name, verdict, s.Seconds, limit, s.Figure)
		},
		end: func(passed bool, took time.Duration) {
			fmt.Fprintf(w, "%s in %.1f s\n", map[bool]string{true: "passed", false: "FAILED"}[passed], took.Seconds())
		},
	}
}

func printJSON(w io.Writer) printer {
	out := json.NewEncoder(w)
	return printer{
		begin: func(string, string) {},
		step:  func(s Step) { _ = out.Encode(s) },
		end: func(passed bool, took time.Duration) {
			_ = out.Encode(map[string]any{"drill": "failover", "passed": passed, "seconds": took.Seconds()})
		},
	}
}
