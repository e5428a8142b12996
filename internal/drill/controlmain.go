package drill

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

const usageControl = `usage: bascule drill control [flags]

Proves that the drill can fail: a proxy of its own between the clients and the balancer
sends POSTs twice, ends replies early with a proper end, breaks others off, answers 503
and swallows writes, while chat clients drop and double messages. Every one must be in the
ledger. Exit code 0: all were caught, 1: something went unseen, 2: wrong usage.

  --rate N         requests per second (500)
  --sockets N      WebSockets that chat (20)
  --duration TIME  how long (3s, at least)
  --seed N         of the choices that are made (1)
  --redis ADDR     use this Redis instead of an embedded one
`

var errUncaught = errors.New("the ledger did not see everything")

func mainControl(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var lab LabOptions
	opt := PhaseOptions{Calm: time.Second, ChatPace: 200 * time.Millisecond}
	flags := flag.NewFlagSet("drill control", flag.ContinueOnError)
	flags.IntVar(&opt.Rate, "rate", 500, "")
	flags.IntVar(&opt.Sockets, "sockets", 20, "")
	flags.DurationVar(&opt.Lasts, "duration", 0, "")
	flags.Uint64Var(&opt.Seed, "seed", 1, "")
	flags.StringVar(&lab.Redis, "redis", "", "")
	if err := parse(flags, args, func() error {
		if opt.Rate < 1 || opt.Sockets < 1 || opt.Lasts < 0 {
			return errors.New("--rate and --sockets must be at least 1, --duration not negative")
		}
		return nil
	}); err != nil {
		return err
	}
	return runControl(ctx, lab, opt, stdout)
}

func runControl(ctx context.Context, opt LabOptions, how PhaseOptions, stdout io.Writer) (err error) {
	lab, err := StartLab(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	r, missed, err := Control(ctx, lab, how)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "of %d requests: %d POSTs executed twice, %d replies ended as if complete, %d broken off, %d lost, %d writes acknowledged and never executed\n",
		r.Total.Sent, r.Total.Twice, r.Total.Short, r.Total.Cut, r.Total.Lost, r.Total.Vanished)
	fmt.Fprintf(stdout, "of %d messages: %d lost, %d doubled\n", r.Sockets.Said, r.Sockets.Lost, r.Sockets.Doubled)
	for _, what := range missed {
		fmt.Fprintf(stdout, "NOT CAUGHT  %s\n", what)
	}
	if len(missed) > 0 {
		return errUncaught
	}
	fmt.Fprintln(stdout, "caught: every single one")
	return nil
}
