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
  --json           print one JSON object for each step, and one for the outcome
`

// Main runs a drill by its name and returns the exit code: 0 passed, 1 failed, 2 wrong
// usage. args start behind the word "drill".
func Main(args []string, stdout, stderr io.Writer) int {
	drills := map[string]func(ctx context.Context, args []string, stdout, stderr io.Writer) int{
		"failover": mainFailover, "reload": mainReload,
	}
	if len(args) > 0 && drills[args[0]] != nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		defer stop()
		return drills[args[0]](ctx, args[1:], stdout, stderr)
	}
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help" || args[0] == "help") {
		fmt.Fprint(stdout, usage, "\n", usageReload)
		return 0
	}
	fmt.Fprint(stderr, usage, "\n", usageReload)
	return 2
}

func mainFailover(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var opt LabOptions
	flags := flag.NewFlagSet("drill failover", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opt.Balancer, "balancer", "", "")
	flags.StringVar(&opt.Redis, "redis", "", "")
	flags.DurationVar(&opt.Inter, "inter", 0, "")
	chats := flags.Int("chats", 20, "")
	asJSON := flags.Bool("json", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %s", flags.Arg(0))
	case err == nil && *chats < 1:
		err = errors.New("--chats must be at least 1")
	}
	if err == nil {
		opt.Balancer, err = Executable(opt.Balancer)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bascule drill: %v\n%s", err, usage)
		return 2
	}
	show := printText
	if *asJSON {
		show = printJSON
	}
	if err := runFailover(ctx, opt, *chats, show(stdout)); err != nil {
		fmt.Fprintf(stderr, "bascule drill: %v\n", err)
		return 1
	}
	return 0
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
	begin func(*Lab)
	step  func(Step)
	end   func(passed bool, took time.Duration)
}

var errFailed = errors.New("failover failed")

func runFailover(ctx context.Context, opt LabOptions, chats int, out printer) (err error) {
	begun := time.Now()
	lab, err := StartLab(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	out.begin(lab)
	passed := Failover(ctx, lab, chats, out.step)
	out.end(passed, time.Since(begun))
	if !passed {
		return errFailed
	}
	return nil
}

func printText(w io.Writer) printer {
	return printer{
		begin: func(l *Lab) {
			fmt.Fprintf(w, "failover of the active/active deployment behind %s at %s\n", l.Balancer, l.Site)
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
		begin: func(*Lab) {},
		step:  func(s Step) { _ = out.Encode(s) },
		end: func(passed bool, took time.Duration) {
			_ = out.Encode(map[string]any{"drill": "failover", "passed": passed, "seconds": took.Seconds()})
		},
	}
}
