package drill

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"bascule/internal/drill/report"
)

const usageWhole = `usage: bascule drill [flags]
       bascule drill control | failover | reload | scale | limits [flags]

Starts a fleet and the balancer on loopback, sends requests by the clock (GET, POST,
keyed POST, PUT of 64 KiB, DELETE, sticky users, HLS) beside WebSockets that chat, breaks
one thing after the other and reports what each cost. Nothing is ever sent again by the
clients. Exit code 0: every fault passed, 1: one did not, or could not run, 2: wrong usage.

  --list           the faults, and what each may cost
  --faults LIST    only these, by name, with commas
  --skip LIST      not these: neither run nor missed
  --rate N         requests per second (1000 for each core, 2000 at most)
  --sockets N      WebSockets that chat (100)
  --duration TIME  how long each fault lasts, instead of its own time
  --calm TIME      before and after each fault (2s)
  --seed N         of the choices that are made (1)
  --json           print the report as JSON
  --html FILE      write the report as one page that needs nothing else
  --balancer PATH  run this HAProxy instead of bascule
  --against PATH   run this HAProxy beside bascule, once with the same file and once
                   with its best options, and compare: bascule must be no worse
  --fleet FILE     drive a real fleet, by the commands of this file
                   (examples/drill.yaml), instead of starting one
  --repeat N       each fault so many times, at random moments (1)
  --redis ADDR     use this Redis instead of an embedded one
  --tls            clients speak TLS, with a certificate that the drill makes

Limits beyond what a fault excuses (see --list):
  --max-lost N     requests without an answer, or with an error (0)
  --max-cut N      replies broken off (0); one that ends as if complete always fails
  --max-twice N    requests executed twice (0)
  --max-messages N messages lost or doubled (0)
  --max-untold N   WebSockets that ended without a Close frame, or were told more than
                   a second after detection (0)
  --max-p99 TIME   during the outage, sticky users too (each fault's own)
  --max-detect TIME  from the fault to DOWN (each fault's own)
`

// wholeOptions are the flags of the whole drill.
type wholeOptions struct {
	phase        PhaseOptions
	lab          LabOptions
	against      string
	limits       report.Limits
	faults, skip string
	list, asJSON bool
	html, fleet  string
	repeat       int
}

const (
	// perCore is what one of two cores carries at half load: the load, the fleet, Redis
	// and the balancer together, measured.
	perCore = 1000
	// drillSlowstart is shorter than the calm before a fault, in place of the deployment's
	// 30 s: a server that is to fail shall have its whole share of users.
	drillSlowstart = time.Second
	// mostRequests is the rate up to which the default goes.
	mostRequests = 2000
)

func parseWhole(args []string) (*wholeOptions, error) {
	o := &wholeOptions{}
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.list, "list", false, "")
	flags.StringVar(&o.faults, "faults", "", "")
	flags.StringVar(&o.skip, "skip", "", "")
	flags.IntVar(&o.phase.Rate, "rate", min(perCore*cores(), mostRequests), "")
	flags.IntVar(&o.phase.Sockets, "sockets", 100, "")
	flags.DurationVar(&o.phase.Lasts, "duration", 0, "")
	flags.DurationVar(&o.phase.Calm, "calm", 2*time.Second, "")
	flags.Uint64Var(&o.phase.Seed, "seed", 1, "")
	flags.BoolVar(&o.asJSON, "json", false, "")
	flags.StringVar(&o.fleet, "fleet", "", "")
	flags.IntVar(&o.repeat, "repeat", 1, "")
	flags.IntVar(&o.limits.Untold, "max-untold", 0, "")
	flags.StringVar(&o.html, "html", "", "")
	flags.StringVar(&o.lab.Balancer, "balancer", "", "")
	flags.StringVar(&o.against, "against", "", "")
	flags.BoolVar(&o.lab.TLS, "tls", false, "")
	flags.StringVar(&o.lab.Redis, "redis", "", "")
	flags.IntVar(&o.limits.Lost, "max-lost", 0, "")
	flags.IntVar(&o.limits.Cut, "max-cut", 0, "")
	flags.IntVar(&o.limits.Twice, "max-twice", 0, "")
	flags.Int64Var(&o.limits.Messages, "max-messages", 0, "")
	flags.DurationVar(&o.limits.P99, "max-p99", 0, "")
	flags.DurationVar(&o.limits.Detect, "max-detect", 0, "")
	return o, parse(flags, args, o.check)
}

// check says what is wrong with the flags, and finds the programs that they name.
func (o *wholeOptions) check() (err error) {
	switch {
	case o.phase.Rate < 1 || o.phase.Sockets < 0:
		return errors.New("--rate must be at least 1, --sockets at least 0")
	case o.repeat < 1:
		return errors.New("--repeat must be at least 1")
	case o.fleet != "" && (o.against != "" || o.lab.Balancer != "" || o.lab.Redis != "" || o.lab.TLS):
		return errors.New("--fleet has its own balancer, Redis and site: --against, --balancer, --redis and --tls do not go with it")
	case o.phase.Calm < 0 || o.phase.Lasts < 0:
		return errors.New("--calm and --duration must not be negative")
	}
	o.phase.ChatPace, o.lab.Faults, o.lab.Slowstart = time.Second, true, drillSlowstart
	if o.lab.Balancer, err = Executable(o.lab.Balancer); err != nil {
		return err
	}
	if o.against, err = Executable(o.against); err != nil {
		return fmt.Errorf("--against: %w", errors.Unwrap(err))
	}
	_, err = choose(Faults(&Target{}), o.faults, o.skip)
	return err
}

func mainWhole(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseWhole(args)
	switch {
	case err != nil:
		return err
	case o.list:
		listFaults(stdout)
		return nil
	}
	return runWhole(ctx, o, stdout, stderr)
}

func listFaults(w io.Writer) {
	for _, f := range Faults(&Target{}) {
		fmt.Fprintf(w, "%-18s %s\n", f.Name, f.Text)
		if f.Expect.Why != "" {
			fmt.Fprintf(w, "%-18s   %s\n", "", f.Expect.Why)
		}
	}
}

// chosen is a fault of the catalogue and whether it was excluded by name.
type chosen struct {
	Fault
	skipped bool
}

// choose takes the faults that are named, all without a list, and marks those to skip.
func choose(all []Fault, only, skip string) ([]chosen, error) {
	words := func(list string) []string {
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	}
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	for _, name := range append(words(only), words(skip)...) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("no fault is named %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	var list []chosen
	for _, f := range all {
		if only == "" || slices.Contains(words(only), f.Name) {
			list = append(list, chosen{f, slices.Contains(words(skip), f.Name)})
		}
	}
	return list, nil
}

var errWholeFailed = errors.New("the drill failed")

// runWhole drives the drill and shows its report, whatever it says.
func runWhole(ctx context.Context, o *wholeOptions, stdout, stderr io.Writer) error {
	begun := time.Now()
	r := report.Report{Drill: "faults", Started: begun, Rate: o.phase.Rate, Mix: mixText(o.phase), Sockets: o.phase.Sockets,
		Seed: o.phase.Seed, Machine: machine()}
	live := newLiveLine(stderr)
	o.phase.Live = live.show
	err := o.run(ctx, &r, live)
	live.clear()
	r.Took = time.Since(begun)
	r.Finish()
	if failed := o.show(&r, stdout); err == nil {
		err = failed
	}
	if err == nil && !r.Passed {
		err = errWholeFailed
	}
	return err
}

// show prints the report and writes its page.
func (o *wholeOptions) show(r *report.Report, stdout io.Writer) error {
	if o.html != "" {
		page, err := report.Page(r)
		if err == nil {
			err = os.WriteFile(o.html, page, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if o.asJSON {
		return report.JSON(stdout, r)
	}
	return report.Table(stdout, r)
}

// fault runs one fault and judges it. An error ends the drill.
func (o *wholeOptions) fault(ctx context.Context, t *Target, f chosen) (report.Result, error) {
	result := report.Result{Name: f.Name, Text: f.Text, Allowed: f.Expect.Why, Verdict: report.Skipped}
	if f.skipped {
		return result, nil
	}
	result.Verdict = report.NotRun
	if f.Needs != nil {
		if why := f.Needs(t); why != nil {
			result.Failures = []string{why.Error()}
			return result, nil
		}
	}
	ev, err := RunFault(ctx, t, f.Fault, o.phase)
	if err != nil {
		result.Failures = []string{err.Error()}
		return result, ctx.Err()
	}
	expect := report.Expect{Lost: report.Class(f.Expect.Lost), Cut: report.Class(f.Expect.Cut), Twice: report.Class(f.Expect.Twice),
		P99: f.Expect.P99, Detect: f.Expect.Detect, Detects: f.Detects, Why: f.Expect.Why}
	result = report.Account(f.Name, f.Text, ev, expect)
	result.Judge(expect, o.limits)
	return result, nil
}
