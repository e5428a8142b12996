package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// runPairs measures another build of bascule and this one in turns and judges the
// ratio of each row. A row above the limit is an error.
func runPairs(ctx context.Context, o options, chosen []row, on placing, out, progress io.Writer) error {
	after := proxies()[0]
	if err := after.find(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-before-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before := proxies()[0]
	before.name, after.name = "before", "after"
	if before.program, err = binaryOf(ctx, o.before, dir, progress); err != nil {
		return err
	}
	if err := before.find(); err != nil {
		return err
	}
	var all []comparison
	var dear error
	for _, r := range chosen {
		got, err := o.measureRow(ctx, []*proxy{before, after}, r, on, progress)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			return err
		}
		c := comparePairs(figures(r, got[0]), figures(r, got[1]), o.limit)
		c.Row = r.name
		all = append(all, c)
		if o.json != "-" {
			fmt.Fprintln(out, c)
		}
		if c.Verdict == aboveLimit {
			dear = errors.Join(dear, fmt.Errorf("%s costs %.3f of what it did, more than %.2f", r.name, c.Ratio, o.limit))
		}
	}
	return errors.Join(writePairs(o.json, out, all), dear)
}

func writePairs(path string, out io.Writer, all []comparison) error {
	if path == "" {
		return nil
	}
	w := out
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Machine string       `json:"machine"`
		Rows    []comparison `json:"rows"`
	}{machine(), all})
}

// binaryOf is the file of the binary to compare with: what names a program, or else
// a revision of the repository, which is built in dir as `make build` does.
func binaryOf(ctx context.Context, what, dir string, progress io.Writer) (string, error) {
	if st, err := os.Stat(what); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
		return filepath.Abs(what)
	}
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "--quiet", what+"^{commit}").Output()
	if err != nil {
		return "", fmt.Errorf("--before %q is neither a program nor a revision of this repository", what)
	}
	fmt.Fprintf(progress, "building %.12s\n", commit)
	source, binary := filepath.Join(dir, "source"), filepath.Join(dir, "bascule")
	if err := os.Mkdir(source, 0o755); err != nil {
		return "", err
	}
	tar, err := exec.CommandContext(ctx, "git", "archive", "--output", filepath.Join(dir, "source.tar"), what).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git archive %s: %w: %s", what, err, tar)
	}
	if text, err := exec.CommandContext(ctx, "tar", "-x", "-f", filepath.Join(dir, "source.tar"), "-C", source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w: %s", err, text)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "./cmd/bascule")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", what, err, text)
	}
	return binary, nil
}
