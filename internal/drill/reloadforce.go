package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// maxProbes bounds the requests sent to find out that an added server answers.
	// With the weights of 20 reloads round robin needs fewer than 60.
	maxProbes = 300
	// goneProbes are sent to see that a removed server does not.
	goneProbes = 20
)

// inForce compares the servers of `show stat` with those that the file should have.
func (r *reloading) inForce(ctx context.Context) error {
	rows, err := r.lab.Runtime.Stat(context.WithoutCancel(ctx)) // bounded by itself
	if err != nil {
		return err
	}
	missing := map[string]int64{}
	for name, weight := range r.want {
		missing[name] = weight
	}
	for _, row := range rows {
		name := row["svname"]
		if row["pxname"] != APIPool && row["pxname"] != StreamPool || name == "BACKEND" {
			continue
		}
		weight, ok := missing[name]
		switch {
		case !ok:
			return fmt.Errorf("%s is still there", name)
		case row.Int("weight") != weight:
			return fmt.Errorf("%s has weight %s instead of %d", name, row["weight"], weight)
		case !row.Up():
			return fmt.Errorf("%s is %s", name, row["status"])
		}
		delete(missing, name)
	}
	for name := range missing {
		return fmt.Errorf("%s is not there", name)
	}
	return nil
}

// answers sees in replies that a change is in force.
func (r *reloading) answers(ctx context.Context, c change) error {
	client := NewClient(r.lab.Site)
	defer client.Close()
	switch c.what {
	case "add", "remove":
		return r.share(ctx, client, c)
	case "expel":
		if err := r.share(ctx, client, c); err != nil || !r.lab.Own() {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, forceLimit)
		defer cancel()
		return r.lab.until(ctx, forcePoll, func() (string, bool) {
			n := r.on(c.server)
			return fmt.Sprintf("%d WebSockets are on %s, which was to be empty", n, c.server), n == 0
		})
	case "rule":
		reply, err := client.Do(ctx, http.MethodGet, healthPath, "")
		if got := reply.Header.Get(ruleHeader); err == nil && got != fmt.Sprint(c.weight) {
			err = fmt.Errorf("the reply says %s %q, not %d", ruleHeader, got, c.weight)
		}
		return err
	case "bind":
		r.guest = NewClient(Site{URL: "http://" + r.bind})
		return r.visit(ctx)
	case "unbind":
		defer r.guest.Close()
		if err := r.visit(ctx); err != nil {
			return fmt.Errorf("a client that the bind had accepted: %w", err)
		}
		return r.lab.until(ctx, forcePoll, func() (string, bool) { return r.bind + " still accepts", !accepts(r.bind) })
	}
	return nil
}

// healthPath is answered by every API server.
const healthPath = "/api/v1/health"

// visit makes a request through the bind that comes and goes, on a kept connection.
func (r *reloading) visit(ctx context.Context) error {
	if r.guest == nil {
		return errors.New("there was no bind to visit")
	}
	reply, err := r.guest.Do(ctx, http.MethodGet, healthPath, "")
	if err == nil && reply.Status != http.StatusOK {
		err = fmt.Errorf("%s: %d", r.bind, reply.Status)
	}
	return err
}

// share looks who answers: a server that was added, and not one that was removed.
func (r *reloading) share(ctx context.Context, client *Client, c change) error {
	probes := maxProbes
	if c.what != "add" {
		probes = goneProbes
	}
	for range probes {
		reply, err := client.Do(ctx, http.MethodGet, healthPath, "")
		clear(client.cookies) // the next may go to any server
		switch {
		case err != nil:
			return err
		case reply.Status != http.StatusOK:
			return fmt.Errorf("%s: %d from %q", healthPath, reply.Status, reply.Server)
		case reply.Server != c.server:
		case c.what != "add":
			return fmt.Errorf("%s still answers", c.server)
		default:
			return nil
		}
	}
	if c.what == "add" {
		return fmt.Errorf("%s answered none of %d requests", c.server, probes)
	}
	return nil
}

// bad reloads a bad file: in turn one with an unknown keyword, and one that is right and
// cannot be put in force, since somebody else listens on the address of a new bind.
func (r *reloading) bad(ctx context.Context, s ReloadStep, n int) {
	if n/len(round)%2 == 0 {
		i := r.file.server("backend-api-1")
		s.Change = "bad file: a misspelt keyword"
		r.refused(ctx, s, r.file.with(i, "    sevrer backend-api-9 127.0.0.1:1"), fmt.Sprintf("haproxy.cfg:%d", i+1), "sevrer")
		return
	}
	addr := r.lab.Servers()[0].Addr
	i := slices.IndexFunc(r.file.lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "bind ") })
	s.Change = "bad file: an address in use"
	r.refused(ctx, s, r.file.with(i, "    bind "+addr), addr)
}

// refused reloads a bad file: it must change nothing, and the command must say why and
// fail. Another HAProxy gets a signal, which nobody answers.
func (r *reloading) refused(ctx context.Context, s ReloadStep, bad *file, words ...string) {
	s.Refused = true
	err := bad.write()
	switch {
	case err != nil:
	case r.lab.Own():
		err = r.refusal(ctx, &s, words)
	default:
		if err = r.lab.Reload(); err == nil {
			err = r.rest(ctx, clearly)
		}
	}
	if err == nil {
		err = r.inForce(ctx)
	}
	r.end(s, errors.Join(err, r.file.write()))
}

// refusal runs the command and judges its answer.
func (r *reloading) refusal(ctx context.Context, s *ReloadStep, words []string) error {
	begun := time.Now()
	text, code, err := r.command(ctx)
	s.Answered = time.Since(begun)
	s.Says, _, _ = strings.Cut(text, "\n")
	if err != nil {
		return err
	}
	if code != 1 {
		return fmt.Errorf("exit code %d instead of 1: %s", code, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			return fmt.Errorf("the answer does not name %s: %s", word, text)
		}
	}
	return nil
}
