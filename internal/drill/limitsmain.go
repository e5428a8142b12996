package drill

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

const usageLimits = `usage: bascule drill limits [flags]

Takes the balancer to its limits, one after the other, while users who do nothing wrong
are served: clients with slow headers, clients that read slowly, large bodies in both
directions, no descriptors left, a log socket that nobody reads, a server that never
answers, a hundred clients that abuse the runtime socket, a flood of TLS handshakes. Reports memory, the users' times, what was logged, and when all was normal again.
Exit code 0: as it must be, 1: users lost requests, wrong codes were logged, or memory
did not come back, 2: wrong usage. Times are shown, and are no reason to fail without --strict.

  --clients N      clients of each kind that misbehave (500)
  --size N         MiB of each large body (1024)
  --rate N         requests per second of the other users (200)
  --settle TIME    how long after a part memory is looked at again (60s)
  --parts LIST     only these parts, by name, with commas
  --strict         fail when clients inside or newcomers of the part tls are late
  --balancer PATH  run this HAProxy instead of bascule, to compare
  --json           print one JSON object for each part, and one for the outcome
`

// LimitsOptions say how large the parts of the drill are.
type LimitsOptions struct {
	Balancer string // path; empty: this program
	Self     string // the program that is this one; empty: found out
	Clients  int
	SizeMiB  int
	Rate     int
	Settle   time.Duration
	Parts    string
	Strict   bool // times that are late are failures
}

func mainLimits(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var opt LimitsOptions
	flags := flag.NewFlagSet("drill limits", flag.ContinueOnError)
	flags.IntVar(&opt.Clients, "clients", 500, "")
	flags.IntVar(&opt.SizeMiB, "size", 1024, "")
	flags.IntVar(&opt.Rate, "rate", 200, "")
	flags.DurationVar(&opt.Settle, "settle", time.Minute, "")
	flags.StringVar(&opt.Parts, "parts", "", "")
	flags.BoolVar(&opt.Strict, "strict", false, "")
	flags.StringVar(&opt.Balancer, "balancer", "", "")
	asJSON := flags.Bool("json", false, "")
	var parts []limitsPart
	if err := parse(flags, args, func() (err error) {
		if opt.Clients < 1 || opt.SizeMiB < 1 || opt.Rate < 1 || opt.Settle < 0 {
			return errors.New("--clients, --size and --rate must be at least 1")
		}
		if opt.Balancer, err = Executable(opt.Balancer); err != nil {
			return err
		}
		parts, err = choosePartsOf(opt.Parts)
		return err
	}); err != nil {
		return err
	}
	return runLimits(ctx, opt, parts, *asJSON, stdout)
}

var errLimitsFailed = errors.New("limits drill failed")

func runLimits(ctx context.Context, opt LimitsOptions, parts []limitsPart, asJSON bool, stdout io.Writer) (err error) {
	begun := time.Now()
	lab, err := startLimitsLab(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.close()) }()
	out := json.NewEncoder(stdout)
	show := func(r LimitsReport) { _ = out.Encode(r) }
	if !asJSON {
		fmt.Fprintf(stdout, "limits of %s at http://%s\n", lab.balancer, lab.site)
		fmt.Fprintf(stdout, "%-12s %25s  %-31s %-9s %s\n", "part", "RSS MiB before/peak/after", "others", "normal", "logged")
		show = func(r LimitsReport) { printLimits(stdout, r) }
	}
	passed := true
	for _, part := range parts {
		r := lab.run(ctx, part)
		passed = passed && r.Passed
		show(r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if asJSON {
		_ = out.Encode(map[string]any{"drill": "limits", "passed": passed, "seconds": time.Since(begun).Seconds()})
	} else {
		fmt.Fprintf(stdout, "%s in %.1f s\n", map[bool]string{true: "passed", false: "FAILED"}[passed], time.Since(begun).Seconds())
	}
	if !passed {
		return errLimitsFailed
	}
	return nil
}

func printLimits(w io.Writer, r LimitsReport) {
	late := ""
	if r.P99 > othersP99 {
		late = " LATE"
	}
	fmt.Fprintf(w, "%-12s %25s  %-31s %-9s %s\n", r.Name,
		fmt.Sprintf("%.1f / %.1f / %.1f", mib(r.Before), mib(r.Peak), mib(r.After)),
		fmt.Sprintf("%d, p50 %s, p99 %s%s", r.Requests, milliseconds(r.P50), milliseconds(r.P99), late),
		milliseconds(r.Normal), r.Logged)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "             %s\n", note)
	}
	for _, text := range r.Failures {
		fmt.Fprintf(w, "FAILED       %s\n", text)
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
