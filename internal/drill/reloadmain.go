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

const usageReload = `usage: bascule drill reload [flags]

Reloads the active/active deployment again and again under chatting WebSockets and
requests, each time with a server added, removed or with another weight, and twice with
a bad file, and reports what was lost, cut, counted back or moved to another process.
Exit code 0: nothing, 1: something, 2: wrong usage.

  --sockets N      WebSockets that chat all the while (1000)
  --reloads N      reloads with a change (20)
  --pace TIME      time between two messages of one WebSocket (4s)
  --master         start the balancer with a master process (-W)
  --balancer PATH  run this HAProxy instead of bascule, to compare
  --redis ADDR     use this Redis instead of an embedded one
  --json           print one JSON object for each reload, and one for the outcome
`

func mainReload(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var lab LabOptions
	var opt ReloadOptions
	flags := flag.NewFlagSet("drill reload", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&opt.Sockets, "sockets", 1000, "")
	flags.IntVar(&opt.Reloads, "reloads", 20, "")
	flags.DurationVar(&opt.Pace, "pace", 4*time.Second, "")
	flags.BoolVar(&lab.Master, "master", false, "")
	flags.StringVar(&lab.Balancer, "balancer", "", "")
	flags.StringVar(&lab.Redis, "redis", "", "")
	asJSON := flags.Bool("json", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usageReload)
		return 0
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %s", flags.Arg(0))
	case opt.Sockets < 1 || opt.Reloads < 1:
		err = errors.New("--sockets and --reloads must be at least 1")
	case opt.Pace <= 0:
		err = errors.New("--pace must be more than 0")
	default:
		lab.Balancer, err = Executable(lab.Balancer)
	}
	if err != nil {
		fmt.Fprintf(stderr, "bascule drill: %v\n%s", err, usageReload)
		return 2
	}
	if err := runReload(ctx, lab, opt, *asJSON, stdout); err != nil {
		fmt.Fprintf(stderr, "bascule drill: %v\n", err)
		return 1
	}
	return 0
}

var errReloadFailed = errors.New("reload drill failed")

func runReload(ctx context.Context, opt LabOptions, how ReloadOptions, asJSON bool, stdout io.Writer) (err error) {
	begun := time.Now()
	lab, err := StartLab(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	out := json.NewEncoder(stdout)
	step := func(s ReloadStep) { _ = out.Encode(s) }
	if !asJSON {
		fmt.Fprintf(stdout, "reloads of the active/active deployment behind %s at %s\n", lab.Balancer, lab.Site)
		fmt.Fprintf(stdout, "%3s  %-31s %-15s %9s %9s %11s %9s\n", "", "change", "by", "answered", "in force", "WebSockets", "draining")
		step = func(s ReloadStep) { printReload(stdout, s) }
	}
	report := Reload(ctx, lab, how, step)
	if asJSON {
		_ = out.Encode(struct {
			Drill   string  `json:"drill"`
			Seconds float64 `json:"seconds"`
			ReloadReport
		}{"reload", time.Since(begun).Seconds(), report})
	} else {
		printReloads(stdout, report, time.Since(begun))
	}
	if !report.Passed {
		return errReloadFailed
	}
	return nil
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000)
}

func printReload(w io.Writer, s ReloadStep) {
	says := ""
	switch {
	case s.Failed != "":
		says = "  FAILED: " + s.Failed
	case s.Refused:
		says = "  refused: " + s.Says
	}
	fmt.Fprintf(w, "%2d.  %-31s %-15s %9s %9s %11d %9d%s\n", s.Number, s.Change, s.By,
		milliseconds(s.Answered), milliseconds(s.InForce), s.Sockets, s.Draining, says)
}

func printReloads(w io.Writer, r ReloadReport, took time.Duration) {
	for _, line := range [][2]string{
		{"reloads", fmt.Sprintf("%d in force, %d bad files refused", r.Reloads, r.Refused)},
		{"WebSockets", fmt.Sprintf("%d opened in %.1f s, %d cut; up to %d at a time stayed on removed servers",
			r.Sockets, r.Opened.Seconds(), r.Cut, r.Draining)},
		{"messages", r.Chat.String()},
		{"requests", fmt.Sprintf("%d, %d lost; of the POSTs %d lost, %d doubled; p50 %s, p99 %s, longest %s", r.Load.Requests,
			r.Load.Lost+r.Load.InFlight+r.Load.Unserved, r.Posts[0], r.Posts[1],
			milliseconds(r.Load.P50), milliseconds(r.Load.P99), milliseconds(r.Load.Max))},
		{"workers", fmt.Sprintf("%d: %v", len(r.Watch.Workers), r.Watch.Workers)},
		{"counters", fmt.Sprintf("%d values of %d looks compared, %d went back", r.Watch.Compared, r.Watch.Samples, r.Watch.Back)},
	} {
		fmt.Fprintf(w, "%-11s %s\n", line[0], line[1])
	}
	for _, list := range [][]string{r.Failures, r.Cuts, r.Load.Examples} {
		for _, text := range list {
			fmt.Fprintf(w, "FAILED      %s\n", text)
		}
	}
	fmt.Fprintf(w, "%s in %.1f s\n", map[bool]string{true: "passed", false: "FAILED"}[r.Passed], took.Seconds())
}
