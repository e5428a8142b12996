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

const usageScale = `usage: bascule drill scale [flags]

Starts the balancer with many servers, all checked, and reloads it while requests go on;
each reload changes the weight of one server. Reports start and reloads, the longest turn
of the loops, memory and the requests. Exit code 0: nothing lost and within the limits,
1: not so, 2: wrong usage.

  --size BxS       backends and servers of each (500x4)
  --reloads N      how many reloads (10)
  --rate N         requests per second meanwhile (300)
  --limit TIME     what a reload may take (200ms)
  --max-turn TIME  what a turn of a loop may take of its thread's CPU time (5ms)
  --master         start the balancer with a master process (-W)
  --balancer PATH  another bascule than this one
  --json           print one JSON object for each reload, and one for the outcome
`

func mainScale(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var opt ScaleOptions
	flags := flag.NewFlagSet("drill scale", flag.ContinueOnError)
	size := flags.String("size", "500x4", "")
	flags.IntVar(&opt.Reloads, "reloads", 10, "")
	flags.IntVar(&opt.Rate, "rate", 300, "")
	flags.DurationVar(&opt.Limit, "limit", 200*time.Millisecond, "")
	flags.DurationVar(&opt.MaxTurn, "max-turn", 5*time.Millisecond, "")
	flags.BoolVar(&opt.Master, "master", false, "")
	flags.StringVar(&opt.Balancer, "balancer", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := parse(flags, args, func() (err error) {
		if opt.Reloads < 1 || opt.Rate < 1 {
			return errors.New("--reloads and --rate must be at least 1")
		}
		if opt.Balancer, err = Executable(opt.Balancer); err != nil {
			return err
		}
		return opt.size(*size)
	}); err != nil {
		return err
	}
	return runScale(ctx, opt, *asJSON, stdout)
}

// mostBackends keeps the names of the backends within what rand() gives, and the file
// within what a machine that runs the drill has memory for.
const mostBackends = 10000

// size reads "500x4".
func (opt *ScaleOptions) size(text string) error {
	var rest string
	n, _ := fmt.Sscanf(text, "%dx%d%s", &opt.Backends, &opt.Servers, &rest)
	if n != 2 || opt.Backends < 1 || opt.Backends > mostBackends || opt.Servers < 1 {
		return fmt.Errorf("--size %s: not backends x servers, such as 500x4", text)
	}
	return nil
}

var errScaleFailed = errors.New("scale drill failed")

func runScale(ctx context.Context, opt ScaleOptions, asJSON bool, stdout io.Writer) (err error) {
	begun := time.Now()
	lab, err := startScaleLab(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.close()) }()
	out := json.NewEncoder(stdout)
	show := func(r ScaleReload) { _ = out.Encode(r) }
	if !asJSON {
		fmt.Fprintf(stdout, "%d backends of %d servers behind %s at http://%s\n", opt.Backends, opt.Servers, lab.balancer, lab.site)
		show = func(r ScaleReload) {
			fmt.Fprintf(stdout, "%2d.  %-30s %8s  (%s of CPU time, the machine %.0f %% busy)\n", r.Number, r.Change, milliseconds(r.Took), milliseconds(r.CPU), 100*r.Busy)
		}
	}
	r, err := Scale(ctx, lab, show)
	if err != nil {
		return err
	}
	if asJSON {
		_ = out.Encode(struct {
			Drill   string  `json:"drill"`
			Seconds float64 `json:"seconds"`
			ScaleReport
		}{"scale", time.Since(begun).Seconds(), r})
	} else {
		printScale(stdout, &r, &opt, time.Since(begun))
	}
	if !r.Passed {
		return errScaleFailed
	}
	return nil
}

func printScale(w io.Writer, r *ScaleReport, opt *ScaleOptions, took time.Duration) {
	for _, line := range [][2]string{
		{"start", fmt.Sprintf("%s until the first reply, with %d servers in a file of %.0f KB", milliseconds(r.Started), r.Servers, float64(r.Bytes)/1000)},
		{"reloads", fmt.Sprintf("%d, p50 %s, longest %s of %s", len(r.Reloads), milliseconds(r.P50), milliseconds(r.Max), milliseconds(opt.Limit))},
		{"turns", fmt.Sprintf("%d, longest %.1f ms of CPU time of %s, %d above 4.2 ms; %.1f ms by the clock",
			r.Turns, r.MaxCPU.Seconds()*1000, milliseconds(opt.MaxTurn), r.Over, r.MaxTurn.Seconds()*1000)},
		{"memory", fmt.Sprintf("%.1f MiB before the reloads, %.1f MiB after", mib(r.Before), mib(r.After))},
		{"requests", fmt.Sprintf("%d, %d lost; p99 %s", r.Requests, r.Lost, milliseconds(r.P99))},
	} {
		fmt.Fprintf(w, "%-9s %s\n", line[0], line[1])
	}
	for _, text := range r.Failures {
		fmt.Fprintf(w, "FAILED    %s\n", text)
	}
	fmt.Fprintf(w, "%s in %.1f s\n", map[bool]string{true: "passed", false: "FAILED"}[r.Passed], took.Seconds())
}
