// Command bench compares what bascule, HAProxy and nginx cost per request.
//
// The proxy alone runs on one core; the load and the two servers share another.
// Each proxy is started fresh for every round, the proxies take turns, and the
// medians are shown. The figure to compare is CPU time per request: user and
// system time of the proxy's whole process tree, divided by the requests that
// were answered. Requests per second compare only where the proxy's core was
// the bottleneck. Differences below 10 % are ties.
//
//	make build && go run ./test/bench
//	go run ./test/bench --rows h1-64 --proxies haproxy,nginx --rounds 5 --json
//	go run ./test/bench --update README.md
//
// BASCULE names another binary than bin/bascule.
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type options struct {
	rows, proxies string
	rounds        int
	seconds       float64
	cores         string
	json          bool
	update        string
}

func main() {
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
	fs.IntVar(&o.rounds, "rounds", 3, "measurements per proxy and row")
	fs.Float64Var(&o.seconds, "seconds", 3, "length of one measurement")
	fs.StringVar(&o.cores, "cores", "0,1", "core of the proxy, core of load and servers")
	fs.BoolVar(&o.json, "json", false, "print every round as JSON instead of the table")
	fs.StringVar(&o.update, "update", "", "also write the table into this file, between its marks")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.rounds < 1 || o.seconds < 0.2 || o.rounds > 100 || o.seconds > 60 {
		return o, errors.New("--rounds is 1 to 100, --seconds 0.2 to 60")
	}
	return o, nil
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
	for _, p := range compared {
		if err := p.find(); err != nil {
			return err
		}
	}
	proxyCore, err := pin(o.cores)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	results, err := compare(ctx, o, chosen, compared, proxyCore, errOut)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, results)
	}
	var table strings.Builder
	markdown(&table, chosen, compared, results)
	fmt.Fprintf(&table, "\nCPU time per request, requests per second; median of %d rounds of %g s, the proxy alone on one core.\n%s.\n", o.rounds, o.seconds, machine())
	fmt.Fprint(&table, shared(results))
	fmt.Fprint(out, table.String())
	doubts(errOut, chosen, results)
	if o.update != "" {
		return update(o.update, table.String())
	}
	return nil
}

// compare measures row after row; within one the proxies take turns, so that a
// noisy minute hits all of them.
func compare(ctx context.Context, o options, chosen []row, compared []*proxy, core int, progress io.Writer) ([]result, error) {
	span := time.Duration(o.seconds * float64(time.Second))
	var results []result
	for _, r := range chosen {
		of := make([]result, len(compared))
		for n := range o.rounds {
			for i, p := range compared {
				got, err := measure(ctx, p, r, core, span)
				if err != nil {
					return nil, err
				}
				of[i].Row, of[i].Proxy = r.name, p.name
				of[i].Rounds = append(of[i].Rounds, got)
				fmt.Fprintf(progress, "%s round %d: %-8s %6.2f µs %7.0f/s, core %3.0f %% proxy, %.0f %% others\n",
					r.name, n+1, p.name, got.MicrosPerRequest, got.PerSecond, 100*got.Busy, 100*got.Others)
			}
		}
		for i := range of {
			of[i].Median = median(of[i].Rounds)
		}
		results = append(results, of...)
	}
	return results, nil
}

// pin keeps the whole program on the second core of the list and returns the
// first. The runtime's threads exist before main, so the program starts itself
// again once it is pinned: threads of the new image inherit the core.
func pin(cores string) (proxyCore int, err error) {
	first, second, ok := strings.Cut(cores, ",")
	if !ok {
		return 0, fmt.Errorf("--cores %q: two numbers with a comma", cores)
	}
	if proxyCore, err = strconv.Atoi(first); err != nil {
		return 0, fmt.Errorf("--cores: %w", err)
	}
	own, err := strconv.Atoi(second)
	if err != nil {
		return 0, fmt.Errorf("--cores: %w", err)
	}
	var now unix.CPUSet
	if err := unix.SchedGetaffinity(0, &now); err != nil {
		return 0, fmt.Errorf("affinity: %w", err)
	}
	if now.Count() == 1 && now.IsSet(own) {
		return proxyCore, nil
	}
	if !now.IsSet(own) || !now.IsSet(proxyCore) || own == proxyCore {
		return 0, fmt.Errorf("--cores %q: two different cores that this process may use", cores)
	}
	runtime.LockOSThread()
	var only unix.CPUSet
	only.Set(own)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return 0, fmt.Errorf("affinity: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	return 0, syscall.Exec(self, os.Args, os.Environ())
}
