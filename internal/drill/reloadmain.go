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

Reloads the active/active deployment again and again under 16 keep-alive clients that POST
and chatting WebSockets: no change, a server added, another weight, a changed rule, a new
bind, a server removed, a bad file, the server back, the bind removed, the added server
removed with a second for its WebSockets to go. Reports what was lost, cut, counted back or moved to another process, how long
requests took before and meanwhile, and the memory.
Exit code 0: nothing, 1: something, 2: wrong usage.

  --sockets N      WebSockets that chat all the while (1000)
  --reloads N      reloads (20)
  --every TIME     from one reload to the next (1s)
  --quiet TIME     how long requests are timed before the first (5s); a p99 and the
                   memory are judged only where 1000 requests or more were timed
  --pace TIME      time between two messages of one WebSocket (4s)
  --master         start the balancer with a master process (-W)
  --balancer PATH  run this HAProxy instead of bascule, with -W and USR2
  --against PATH   run bascule, then this HAProxy, and show both in one table; the exit
                   code is of bascule
  --redis ADDR     use this Redis instead of an embedded one
  --tls            clients speak TLS, with a certificate that the drill makes
  --json           print one JSON object for each reload, and one for the outcome
`

func mainReload(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var lab LabOptions
	var opt ReloadOptions
	var against string
	flags := flag.NewFlagSet("drill reload", flag.ContinueOnError)
	flags.IntVar(&opt.Sockets, "sockets", 1000, "")
	flags.IntVar(&opt.Reloads, "reloads", 20, "")
	flags.DurationVar(&opt.Every, "every", time.Second, "")
	flags.DurationVar(&opt.Quiet, "quiet", 5*time.Second, "")
	flags.StringVar(&against, "against", "", "")
	flags.DurationVar(&opt.Pace, "pace", 4*time.Second, "")
	flags.BoolVar(&lab.Master, "master", false, "")
	flags.StringVar(&lab.Balancer, "balancer", "", "")
	flags.BoolVar(&lab.TLS, "tls", false, "")
	flags.StringVar(&lab.Redis, "redis", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := parse(flags, args, func() (err error) {
		switch {
		case opt.Sockets < 1 || opt.Reloads < 1:
			return errors.New("--sockets and --reloads must be at least 1")
		case opt.Pace <= 0 || opt.Every <= 0 || opt.Quiet <= 0:
			return errors.New("--pace, --every and --quiet must be more than 0")
		case against != "" && lab.Balancer != "":
			return errors.New("--balancer and --against exclude each other")
		}
		if lab.Balancer, err = Executable(lab.Balancer); err == nil {
			against, err = Executable(against)
		}
		return err
	}); err != nil {
		return err
	}
	report, err := runReload(ctx, lab, opt, *asJSON, stdout)
	if err == nil && against != "" {
		other := lab
		other.Balancer = against
		var theirs ReloadReport
		if theirs, err = runReload(ctx, other, opt, *asJSON, stdout); err == nil && !*asJSON {
			compareReloads(stdout, report, theirs)
		}
	}
	if err == nil && !report.Passed {
		err = errReloadFailed
	}
	return err
}

var errReloadFailed = errors.New("reload drill failed")

func runReload(ctx context.Context, opt LabOptions, how ReloadOptions, asJSON bool, stdout io.Writer) (report ReloadReport, err error) {
	begun := time.Now()
	lab, err := StartLab(ctx, opt)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	out := json.NewEncoder(stdout)
	step := func(s ReloadStep) { _ = out.Encode(s) }
	if !asJSON {
		fmt.Fprintf(stdout, "reloads of the active/active deployment behind %s at %s\n", lab.Balancer, lab.Site.URL)
		fmt.Fprintf(stdout, "%3s  %-31s %-15s %9s %9s %11s %9s\n", "", "change", "by", "answered", "in force", "WebSockets", "draining")
		step = func(s ReloadStep) { printReload(stdout, s) }
	}
	report = Reload(ctx, lab, how, step)
	if asJSON {
		_ = out.Encode(struct {
			Drill   string  `json:"drill"`
			Seconds float64 `json:"seconds"`
			ReloadReport
		}{"reload", time.Since(begun).Seconds(), report})
	} else {
		printReloads(stdout, report, time.Since(begun))
	}
	return report, nil
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

// reloadFigures are the lines of a report: what, and how it was.
func reloadFigures(r ReloadReport) [][2]string {
	lost := r.Load.Lost + r.Load.InFlight + r.Load.Unserved
	return [][2]string{
		{"reloads", fmt.Sprintf("%d in force, %d bad files refused, in %.1f s", r.Reloads, r.Refused, r.Took.Seconds())},
		{"WebSockets", fmt.Sprintf("%d, %d cut, %d had to go, %d told", r.Sockets, r.Cut, r.Had, r.Gone)},
		{"on removed servers", fmt.Sprintf("up to %d at a time", r.Draining)},
		{"messages", fmt.Sprintf("%d said, %d lost, %d doubled", r.Chat.Said, r.Chat.Lost, r.Chat.Doubled)},
		{"deliveries", fmt.Sprintf("%d, %d lost, %d doubled", r.Chat.Read, r.Chat.Unread, r.Chat.ReadTwice)},
		{"POSTs", fmt.Sprintf("%d, %d failed, %d lost, %d doubled", r.Load.Requests, lost, r.Posts[0], r.Posts[1])},
		{"quiet p50, p99, most", fmt.Sprintf("%s, %s, %s", milliseconds(r.Quiet.P50), milliseconds(r.Quiet.P99), milliseconds(r.Quiet.Max))},
		{"reloading", fmt.Sprintf("%s, %s, %s", milliseconds(r.Busy.P50), milliseconds(r.Busy.P99), milliseconds(r.Busy.Max))},
		{"the machine was busy", fmt.Sprintf("%.0f %%, %.0f %%", 100*r.Working[0], 100*r.Working[1])},
		{"CPU of a reload, p50", milliseconds(r.CPU)},
		{"turns before, at most", fmt.Sprintf("%s, %s", milliseconds(r.Turn[0]), milliseconds(r.Turn[1]))},
		{"memory before, most", fmt.Sprintf("%s, %s", mebibytes(r.Memory[0]), mebibytes(r.Memory[1]))},
		{"memory afterwards", mebibytes(r.Memory[2])},
		{"workers seen", fmt.Sprint(len(r.Watch.Workers))},
		{"counters compared", fmt.Sprintf("%d, %d went back", r.Watch.Compared, r.Watch.Back)},
	}
}

// compareReloads shows two reports side by side.
func compareReloads(w io.Writer, ours, theirs ReloadReport) {
	fmt.Fprintf(w, "\n%-22s %-40s %s\n", "", "bascule", "the other")
	other := reloadFigures(theirs)
	for i, line := range reloadFigures(ours) {
		fmt.Fprintf(w, "%-22s %-40s %s\n", line[0], line[1], other[i][1])
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func printReloads(w io.Writer, r ReloadReport, took time.Duration) {
	for _, line := range reloadFigures(r) {
		fmt.Fprintf(w, "%-22s %s\n", line[0], line[1])
	}
	for _, list := range [][]string{r.Failures, r.Cuts, r.Load.Examples} {
		for _, text := range list {
			fmt.Fprintf(w, "FAILED      %s\n", text)
		}
	}
	fmt.Fprintf(w, "%s in %.1f s\n", map[bool]string{true: "passed", false: "FAILED"}[r.Passed], took.Seconds())
}
