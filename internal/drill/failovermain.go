package drill

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"
)

// failoverOptions say what `drill failover` runs against: a lab of its own, or wild, a
// deployment that runs.
type failoverOptions struct {
	lab         LabOptions
	chats       int
	wild        FleetFile
	stop, start string
}

// ofLab and ofWild are the flags that go with one of the two alone.
var (
	ofLab  = []string{"balancer", "redis", "inter", "tls"}
	ofWild = []string{"site", "runtime", "stop", "start", "backend", "victim"}
)

// check finds flags that do not go together, and finds the balancer of a lab.
func (o *failoverOptions) check(flags *flag.FlagSet) (err error) {
	if o.chats < 1 {
		return errors.New("--chats must be at least 1")
	}
	var lab, wild string
	flags.Visit(func(f *flag.Flag) {
		if slices.Contains(ofLab, f.Name) {
			lab = f.Name
		}
		if slices.Contains(ofWild, f.Name) {
			wild = f.Name
		}
	})
	if wild == "" {
		o.lab.Balancer, err = Executable(o.lab.Balancer)
		return err
	}
	if lab != "" {
		return fmt.Errorf("--%s and --%s do not go together: a deployment that runs has its own", wild, lab)
	}
	if slices.Contains([]string{o.wild.Site, o.wild.Runtime, o.stop, o.start}, "") {
		return fmt.Errorf("--%s needs all of --site, --runtime, --stop and --start", wild)
	}
	o.wild.Site = strings.TrimRight(o.wild.Site, "/")
	if !isSite(o.wild.Site) {
		return fmt.Errorf("--site: want http://HOST:PORT or https://HOST:PORT, got %q", o.wild.Site)
	}
	o.wild.Servers = []FleetServer{{Name: o.wild.Victim, Kill: o.stop, Start: o.start}}
	return nil
}

// run drives the lab, or the deployment that runs.
func (o *failoverOptions) run(ctx context.Context, out printer) (err error) {
	begun := time.Now()
	t, balancer, other := o.wild.target(), o.wild.Runtime, ""
	if o.wild.Site == "" {
		var lab *Lab
		if lab, err = StartLab(ctx, o.lab); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lab.Close()) }()
		t, balancer, other = lab.Target(), lab.Balancer, "backend-api-2"
	} else if other, err = t.otherThan(ctx, t.Victim); err != nil {
		return err
	}
	out.begin(balancer, t.Site.URL)
	passed := Failover(ctx, t, other, o.chats, out.step)
	out.end(passed, time.Since(begun))
	if !passed {
		return errFailed
	}
	return nil
}

// otherThan asks the balancer for the one server of the backend besides the victim.
func (t *Target) otherThan(ctx context.Context, victim string) (string, error) {
	rows, err := t.Runtime.Stat(ctx)
	if err != nil {
		return "", fmt.Errorf("--runtime: %w", err)
	}
	var others []string
	for _, row := range rows {
		if row["pxname"] == t.Backend && !slices.Contains([]string{victim, "BACKEND", "FRONTEND"}, row["svname"]) {
			others = append(others, row["svname"])
		}
	}
	if find(rows, t.Backend, victim) == nil {
		return "", fmt.Errorf("the balancer has no server %s/%s", t.Backend, victim)
	}
	if len(others) != 1 {
		return "", fmt.Errorf("backend %s: want one server besides %s, it has %d", t.Backend, victim, len(others))
	}
	return others[0], nil
}
