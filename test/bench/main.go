// Command bench compares what bascule, HAProxy and nginx cost per request.
//
// The proxies of a row run at the same time on one core, each with servers, connections
// and load of its own, which share another. Only one load is on at a time: they take
// turns in slices of 100 ms, so that what the machine does meanwhile, and it switches
// between levels 30 % apart, hits all of them alike. The figure to compare is CPU time
// per request: user and system time of the proxy's whole process tree, divided by the
// requests that were answered; the table shows the median of the slices. The ratio of two
// proxies is the median of the turns' ratios, with its 95 % interval (order statistics).
// Each round starts all of them fresh, since no two processes of a program are alike.
// Requests per second compare only where the proxy's core was the bottleneck.
//
//	make build && go run ./test/bench
//	go run ./test/bench --rows h1-64 --proxies haproxy,nginx --turns 300 --json -
//	go run ./test/bench --update README.md --trend test/bench/trend.jsonl
//	go run ./test/bench --before HEAD~1 --turns 800
//
// A row by the clock and one of idle connections are not sliced: their proxies run one
// after the other, each alone.
//
// A round in which one answer was wrong is no figure: the bench ends with an
// error. A row that misses its target says so in the table; that is no error.
//
// BASCULE names another binary than bin/bascule.
//
// With --before it compares two builds of bascule instead, a revision of the
// repository, which it builds, or a binary, and bin/bascule, in the same way: under h1-64
// unless --rows says otherwise. The verdict on each row: within the limit
// of 1.03 if the whole interval is, above it if the whole interval is, which is
// an error, and undecided otherwise. `make bench-pairs BEFORE=HEAD~1` does it all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type options struct {
	rows, proxies string
	plan
	cores  string
	idle   time.Duration
	json   string
	update string
	trend  string
	before string
	limit  float64
}

// leastThreads is more than there are loops at once.
const leastThreads = 8

func main() {
	runtime.GOMAXPROCS(leastThreads) // or loops that wait unseen would leave none to measure with
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string, errOut io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.StringVar(&o.rows, "rows", "", "comma-separated rows (default all): "+names(rows, rowName))
	fs.StringVar(&o.proxies, "proxies", "", "comma-separated proxies (default all): "+names(proxies(), proxyName))
	fs.IntVar(&o.rounds, "rounds", 3, "fresh starts of each proxy per row")
	fs.IntVar(&o.turns, "turns", defaultTurns, "slices of each proxy per row, over all rounds; with --before 450")
	fs.DurationVar(&o.slice, "slice", 100*time.Millisecond, "length of one slice")
	fs.Float64Var(&o.seconds, "seconds", 3, "length of a round of a row by the clock")
	fs.StringVar(&o.cores, "cores", "0,1", "core of the proxy, core of load and servers")
	fs.DurationVar(&o.idle, "idle", time.Minute, "how long idle connections stay alone before memory is measured")
	fs.StringVar(&o.json, "json", "", "also write every round as JSON into this file; - prints it instead of the table")
	fs.StringVar(&o.trend, "trend", "", "also append one line of JSON per row to this file")
	fs.StringVar(&o.update, "update", "", "also write the table into this file, between its marks")
	fs.StringVar(&o.before, "before", "", "compare with another bascule, a git revision or a binary, in pairs")
	fs.Float64Var(&o.limit, "limit", limitOfPairs, "with --before: how much dearer the new one may be")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err := o.check(); err != nil {
		return o, err
	}
	if o.before != "" {
		return o, o.forPairs(fs)
	}
	return o, nil
}

const (
	// leastTurns is the smallest number of turns: below, the interval of the median
	// is so wide that it decides nothing about some percent.
	leastTurns = 20
	// defaultTurns make a row of three proxies last 40 s.
	defaultTurns = 100
	// pairTurns make a row of two binaries last less than two minutes, and an
	// interval of some ±1 %.
	pairTurns = 450
)

// check refuses what measures nothing, or goes on all day.
func (pl plan) check() error {
	switch {
	case pl.rounds < 1 || pl.rounds > 100 || pl.seconds < 0.2 || pl.seconds > 60:
		return errors.New("--rounds is 1 to 100, --seconds 0.2 to 60")
	case pl.turns < leastTurns || pl.turns < pl.rounds || pl.turns > 100_000:
		return fmt.Errorf("--turns is %d to 100000 and at least --rounds", leastTurns)
	case pl.slice < 20*time.Millisecond || pl.slice > time.Minute:
		return errors.New("--slice is 20ms to 1m")
	}
	return nil
}

// forPairs checks the flags, and sets those that were not given, for --before.
func (o *options) forPairs(fs *flag.FlagSet) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["turns"] {
		o.turns = pairTurns
	}
	if o.rows == "" {
		o.rows = "h1-64"
	}
	for _, name := range []string{"proxies", "update", "trend"} {
		if given[name] {
			return fmt.Errorf("--before compares bascule with itself: there is no --%s", name)
		}
	}
	for _, r := range rows {
		if !r.sliced() && slices.Contains(strings.Split(o.rows, ","), r.name) {
			return fmt.Errorf("%s is no row for --before: it has no turns", r.name)
		}
	}
	return nil
}

func rowName(r row) string      { return r.name }
func proxyName(p *proxy) string { return p.name }

func run(args []string, out, errOut io.Writer) error {
	o, err := parseFlags(args, errOut)
	if err != nil {
		return err
	}
	chosen, err := choose(rows, o.rows, rowName)
	if err != nil {
		return err
	}
	compared, err := choose(proxies(), o.proxies, proxyName)
	if err != nil {
		return err
	}
	if o.before == "" {
		for _, p := range compared {
			if err := p.find(); err != nil {
				return err
			}
		}
	}
	on, err := pin(o.cores)
	if err != nil {
		return err
	}
	on.idle = o.idle
	if err := enoughDescriptors(chosen); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if o.before != "" {
		return runPairs(ctx, o, chosen, on, out, errOut)
	}
	results, err := compare(ctx, o.plan, chosen, compared, on, errOut)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	return publish(o, chosen, compared, results, out, errOut)
}

// publish prints the table and writes the files that were asked for.
func publish(o options, chosen []row, compared []*proxy, results []result, out, errOut io.Writer) error {
	var table strings.Builder
	markdown(&table, chosen, compared, results)
	fmt.Fprintf(&table, "\nCPU time per request, requests per second: medians of %d slices of %v in %d rounds, in turns; ratios: the median of the turns' (95 %% interval).\n%s.\n",
		o.turns, o.slice, o.rounds, machine())
	fmt.Fprint(&table, shared(results))
	if o.json == "-" {
		if err := writeJSON(out, results); err != nil {
			return err
		}
	} else {
		fmt.Fprint(out, table.String())
	}
	doubts(errOut, chosen, results)
	var errs []error
	if o.json != "" && o.json != "-" {
		errs = append(errs, jsonFile(o.json, results))
	}
	if o.update != "" {
		errs = append(errs, update(o.update, table.String()))
	}
	if o.trend != "" {
		errs = append(errs, appendTrend(o.trend, o, chosen, compared, results))
	}
	return errors.Join(errs...)
}

// enoughDescriptors refuses rows that this process could not open: Go has raised
// the soft limit to the hard one at its start.
func enoughDescriptors(chosen []row) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	for _, r := range chosen {
		if need := uint64(r.descriptors()); need > l.Cur {
			return fmt.Errorf("row %s needs %d descriptors, the limit is %d (ulimit -n)", r.name, need, l.Cur)
		}
	}
	return nil
}

// compare measures row after row.
func compare(ctx context.Context, pl plan, chosen []row, compared []*proxy, on placing, progress io.Writer) ([]result, error) {
	var results []result
	for _, r := range chosen {
		all, err := pl.measureRow(ctx, compared, r, on, progress)
		if err != nil {
			return nil, err
		}
		for i, p := range compared {
			res := result{Row: r.name, Proxy: p.name, Median: median(all[i]), Rounds: all[i]}
			if i > 0 {
				ratio := compareTurns(figures(r, all[0]), figures(r, all[i]))
				res.Ratio = &ratio
				fmt.Fprintf(progress, "%s: %s to %s %v\n", r.name, compared[0].name, p.name, ratio)
			}
			results = append(results, res)
		}
	}
	return results, nil
}

// pin keeps the whole program on the second core of the list. The runtime's threads exist before main, so the program starts itself
// again once it is pinned: threads of the new image inherit the core.
func pin(cores string) (on placing, err error) {
	first, second, ok := strings.Cut(cores, ",")
	if !ok {
		return on, fmt.Errorf("--cores %q: two numbers with a comma", cores)
	}
	if on.core, err = strconv.Atoi(first); err != nil {
		return on, fmt.Errorf("--cores: %w", err)
	}
	if on.own, err = strconv.Atoi(second); err != nil {
		return on, fmt.Errorf("--cores: %w", err)
	}
	var now unix.CPUSet
	if err := unix.SchedGetaffinity(0, &now); err != nil {
		return on, fmt.Errorf("affinity: %w", err)
	}
	if now.Count() == 1 && now.IsSet(on.own) {
		return on, nil
	}
	if !now.IsSet(on.own) || !now.IsSet(on.core) || on.own == on.core {
		return on, fmt.Errorf("--cores %q: two different cores that this process may use", cores)
	}
	runtime.LockOSThread()
	var only unix.CPUSet
	only.Set(on.own)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return on, fmt.Errorf("affinity: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return on, err
	}
	return on, syscall.Exec(self, os.Args, os.Environ())
}
