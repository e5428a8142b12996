package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"bascule/internal/drill/report"
)

// sides starts a lab for each balancer that takes part, or takes the given fleet.
func (o *wholeOptions) sides(ctx context.Context) (targets []*Target, closing func() error, err error) {
	if o.fleet != "" {
		t, err := ReadFleet(ctx, o.fleet)
		return []*Target{t}, func() error { return nil }, err
	}
	var labs []*Lab
	closing = func() error {
		var errs []error
		for _, lab := range labs {
			errs = append(errs, lab.Close())
		}
		return errors.Join(errs...)
	}
	add := func(opt LabOptions, suffix string) {
		if err != nil {
			return
		}
		var lab *Lab
		if lab, err = StartLab(ctx, opt); err != nil {
			return
		}
		labs = append(labs, lab)
		t := lab.Target()
		t.Name += suffix
		targets = append(targets, t)
	}
	add(o.lab, "")
	if o.against != "" {
		other := o.lab
		other.Balancer = o.against
		add(other, ", the same file")
		other.Best = true
		add(other, ", its best options")
	}
	if err != nil {
		return nil, nil, errors.Join(err, closing())
	}
	return targets, closing, nil
}

// run drives every fault behind every balancer in turn, so that what else the machine
// does meets all alike.
func (o *wholeOptions) run(ctx context.Context, r *report.Report, live *liveLine) (err error) {
	targets, closing, err := o.sides(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	lists := make([][]chosen, len(targets))
	for i, t := range targets {
		r.Sides = append(r.Sides, report.Side{Name: t.Name})
		if lists[i], err = choose(Faults(t), o.faults, o.skip+","+strings.Join(t.Without, ",")); err != nil {
			return err
		}
	}
	moments := rand.New(rand.NewPCG(o.phase.Seed, 0))
	repeat := max(1, o.repeat)
	for n := range repeat * len(lists[0]) {
		if repeat > 1 {
			o.phase.Later = time.Duration(moments.Int64N(int64(time.Second)))
		}
		for i, t := range targets {
			live.at(t.Name, n+1, repeat*len(lists[0]))
			result, err := o.fault(ctx, t, lists[i][n%len(lists[i])])
			if repeat > 1 {
				result.Name = fmt.Sprintf("%s %d", result.Name, 1+n/len(lists[i]))
			}
			r.Sides[i].Results = append(r.Sides[i].Results, result)
			if err != nil {
				return fmt.Errorf("%s: %w", result.Name, err)
			}
		}
	}
	return nil
}
