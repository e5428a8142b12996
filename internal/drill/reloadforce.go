package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"bascule/internal/fleet"
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

// answers sees in who answers that a server was added or removed.
func (r *reloading) answers(ctx context.Context, c change) error {
	if c.what == "weight" {
		return nil
	}
	client := NewClient(r.lab.Site)
	defer client.Close()
	probes := maxProbes
	if c.what == "remove" {
		probes = goneProbes
	}
	for n := range probes {
		path := "/api/v1/health"
		if c.backend == StreamPool {
			path = "/hls/" + fleet.Track(n+1) + "/playlist.m3u8"
		}
		reply, err := client.Do(ctx, http.MethodGet, path, "")
		clear(client.cookies) // the next may go to any server
		switch {
		case err != nil:
			return err
		case reply.Status != http.StatusOK:
			return fmt.Errorf("%s: %d from %q", path, reply.Status, reply.Server)
		case reply.Server != c.server:
		case c.what == "remove":
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

// misspelt reloads a file with an unknown keyword.
func (r *reloading) misspelt(ctx context.Context) {
	i := r.file.server("backend-api-1")
	r.refused(ctx, "bad file: a misspelt keyword", r.file.with(i, "    sevrer backend-api-9 127.0.0.1:1"),
		fmt.Sprintf("haproxy.cfg:%d", i+1), "sevrer")
}

// occupied reloads a file that is right, but cannot be put in force: somebody else
// listens on the address of a new bind.
func (r *reloading) occupied(ctx context.Context) {
	addr := r.lab.Servers()[0].Addr
	i := slices.IndexFunc(r.file.lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "bind ") })
	r.refused(ctx, "bad file: an address in use", r.file.with(i, "    bind "+addr), addr)
}

// refused reloads a bad file: it must change nothing, and the command must say why and
// fail.
func (r *reloading) refused(ctx context.Context, what string, bad *file, words ...string) {
	if !r.lab.Own() {
		return // another balancer has another command
	}
	s := ReloadStep{Change: what, By: "bascule reload", Refused: true}
	err := bad.write()
	if err == nil {
		begun := time.Now()
		var text string
		var code int
		text, code, err = r.command(ctx)
		s.Answered = time.Since(begun)
		s.Says, _, _ = strings.Cut(text, "\n")
		switch {
		case err != nil:
		case code != 1:
			err = fmt.Errorf("exit code %d instead of 1: %s", code, text)
		default:
			for _, word := range words {
				if !strings.Contains(text, word) {
					err = fmt.Errorf("the answer does not name %s: %s", word, text)
				}
			}
		}
	}
	if err == nil {
		err = r.inForce(ctx)
	}
	r.end(s, errors.Join(err, r.file.write()))
}
